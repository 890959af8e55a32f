package sallyport_test

import data.sallyport
import data.sallyport.testing

reason := {"code": "c", "message": "m"}

test_allow_without_objection if {
	d := sallyport.decision with input as testing.request({}) with data.sallyport.contributed as nothing
	d == {"allow": true, "deny": set(), "exclude": {}, "prefer": {}, "obligations": {}}
}

test_no_candidate_is_no_allow if {
	not sallyport.allow with input as object.union(object.remove(testing.request({}), ["targets"]), {"targets": {}})
		with data.sallyport.contributed as nothing
}

test_one_deny_denies if {
	said := contributed({"deny": {"a": set(), "b.c": {reason}}})
	d := sallyport.decision with input as testing.request({}) with data.sallyport.contributed as said
	d.allow == false
	d.deny == {{"code": "c", "message": "m", "rule": "b.c"}}
}

test_exclusions_are_joined if {
	other := {"code": "d", "message": "m"}
	said := contributed({"exclude": {"a": {"cloud": {reason}}, "b": {"cloud": {other}, "edge": {other}, "nowhere": {other}}}})
	d := sallyport.decision with input as testing.request({}) with data.sallyport.contributed as said
	d.allow == true
	d.exclude == {
		"cloud": {object.union(reason, {"rule": "a"}), object.union(other, {"rule": "b"})},
		"edge": {object.union(other, {"rule": "b"})},
	}
}

test_excluding_every_candidate_is_no_allow if {
	said := contributed({"exclude": {"a": {name: {reason} | some name, _ in testing.request({}).targets}}})
	not sallyport.allow with input as testing.request({}) with data.sallyport.contributed as said
}

# Two models of one target are two candidates.
two_models := object.union(
	object.remove(testing.request({}), ["targets"]),
	{"targets": {"t/small": {"target": "t"}, "t/large": {"target": "t"}, "u": {"target": "u"}}},
)

test_a_targets_exclusion_holds_for_its_models if {
	said := contributed({"exclude": {"a": {"t": {reason}}}})
	object.keys(sallyport.exclude) == {"t/small", "t/large"} with input as two_models with data.sallyport.contributed as said
}

test_a_candidates_exclusion_holds_for_it_alone if {
	said := contributed({"exclude": {"a": {"t/small": {reason}}}})
	object.keys(sallyport.exclude) == {"t/small"} with input as two_models with data.sallyport.contributed as said
}

test_a_targets_weight_holds_for_its_models if {
	said := contributed({"prefer": {"a": {"t": 0.5}, "b": {"t/small": 0.5, "u": 1}}})
	sallyport.prefer == {"t/small": 0.25, "t/large": 0.5, "u": 1} with input as two_models with data.sallyport.contributed as said
}

test_a_candidate_without_a_target_name if {
	said := contributed({"exclude": {"a": {"x": {reason}}}})
	object.keys(sallyport.exclude) == {"x"} with input as {"targets": {"x": {}}} with data.sallyport.contributed as said
}

test_collections_are_joined if {
	every name in ["redact", "strip_tools", "inspect_completion"] {
		joined(name, [{"x"}, ["y"], set()]) == {"x", "y"}
		not joined(name, [set(), []])
	}
}

test_the_least_number_holds if {
	every name in ["max_output_tokens", "max_cost_usd"] {
		joined(name, [5, 3, 4]) == 3
	}
}

test_the_least_urgent_priority_holds if {
	joined("priority_max", [5, 3, 4]) == 5
}

test_the_least_of_each_budget_field_holds if {
	joined("budget", [{"ttft_ms": 50, "total_ms": 900}, {"total_ms": 800}]) == {"ttft_ms": 50, "total_ms": 800}
	not joined("budget", [{}])
}

test_the_strictest_holds if {
	joined("log", ["full", "metadata"]) == "metadata"
	joined("log", ["full", "metadata", "none"]) == "none"
	joined("log", ["full"]) == "full"
	joined("lossy", ["allow", "deny"]) == "deny"
	joined("lossy", ["allow"]) == "allow"
	joined("on_miss", ["finish", "cancel"]) == "cancel"
	joined("on_completion_finding", ["report", "redact"]) == "redact"
	joined("on_completion_finding", ["report", "redact", "deny"]) == "deny"
	joined("hedge", [true, false]) == false
	joined("hedge", [true]) == true
	joined("disclose_target", [true, false]) == false
	joined("restore", [false, true]) == true
}

test_an_unknown_obligation_is_passed_on if {
	joined("teleport", [1, {"x"}]) == {1, {"x"}}
}

test_every_wrong_shape_denies if {
	every wrong in [
		{"deny": {"a": true}},
		{"deny": {"a": {"text"}}},
		{"deny": {"a": {{"code": "c"}}}},
		{"deny": {"a": {{"code": "", "message": "m"}}}},
		{"deny": {"a": {{"code": "c", "message": 1}}}},
		{"deny": {"a": {{"code": "c", "message": "m", "more": 1}}}},
		{"exclude": {"a": {"cloud"}}},
		{"exclude": {"a": {"cloud": reason}}},
		{"exclude": {"a": {1: {reason}}}},
		{"prefer": {"a": {"cloud": 1.1}}},
		{"prefer": {"a": {"cloud": -0.1}}},
		{"prefer": {"a": {"cloud": "much"}}},
		{"prefer": {"a": 0.5}},
		{"obligation": {"a": true}},
		{"obligation": {"a": {1: true}}},
		{"obligation": {"a": {"redact": "EMAIL_ADDRESS"}}},
		{"obligation": {"a": {"redact": {1}}}},
		{"obligation": {"a": {"strip_tools": {"": true}}}},
		{"obligation": {"a": {"inspect_completion": [""]}}},
		{"obligation": {"a": {"max_output_tokens": 0}}},
		{"obligation": {"a": {"max_output_tokens": 1.5}}},
		{"obligation": {"a": {"max_output_tokens": 9007199254740993}}},
		{"obligation": {"a": {"priority_max": 8}}},
		{"obligation": {"a": {"max_cost_usd": -1}}},
		{"obligation": {"a": {"restore": "yes"}}},
		{"obligation": {"a": {"log": "all"}}},
		{"obligation": {"a": {"lossy": "some"}}},
		{"obligation": {"a": {"on_completion_finding": "ignore"}}},
		{"obligation": {"a": {"on_miss": null}}},
		{"obligation": {"a": {"hedge": 0}}},
		{"obligation": {"a": {"disclose_target": "no"}}},
		{"obligation": {"a": {"budget": 5}}},
		{"obligation": {"a": {"budget": {"total_ms": 0}}}},
		{"obligation": {"a": {"budget": {"total_s": 5}}}},
	] {
		d := sallyport.decision with input as testing.request({}) with data.sallyport.contributed as contributed(wrong)
		d.allow == false
		{said.code | some said in d.deny; said.rule == "a"} & {"policy_error"} == {"policy_error"}
	}
}

test_every_known_obligation_has_a_shape if {
	sallyport.known_obligations == object.keys(sallyport.obligation_shapes) with data.sallyport.contributed as nothing
}

nothing := contributed({})

contributed(said) := object.union({"deny": {}, "exclude": {}, "prefer": {}, "obligation": {}}, said)

# What becomes of an obligation that packages state with these values.
joined(name, values) := result if {
	said := contributed({"obligation": {sprintf("p%d", [i]): {name: value} | some i, value in values}})
	d := sallyport.decision with input as testing.request({}) with data.sallyport.contributed as said
	count(d.deny) == 0
	result := d.obligations[name]
}

# A candidate may have the name of a target of which there are other candidates.
test_a_name_of_both if {
	two := {"targets": {"cloud/large": {"target": "cloud", "posture": "cloud"}}}
	said := contributed({"exclude": {"a": {"cloud": {{"code": "c", "message": "m"}}}}, "prefer": {"a": {"cloud": 0.5}}})
	d := sallyport.decision with input as testing.request(two) with data.sallyport.contributed as said
	object.keys(d.exclude) == {"cloud", "cloud/large"}
	d.prefer == {"cloud": 0.5, "cloud/large": 0.5}
}
