package sallyport.rules.clearance_levels_test

import data.sallyport.rules.clearance_levels
import data.sallyport.testing

# Levels of the tests' own, so that these hold whatever yours are.
levels := {
	"order": ["public", "internal", "confidential", "restricted"],
	"default": "internal",
	"postures": {"cloud": "internal", "gpu_cluster": "confidential", "edge": "confidential", "air_gapped": "restricted"},
	"kinds": {"CREDIT_CARD": "restricted", "EMAIL_ADDRESS": "internal", "SECRET_GENERIC": "confidential"},
	"secrets": "restricted",
	"personal": "confidential",
	"unread": "confidential",
	"classifiers": ["pii", "secrets"],
}

# A request by a key with this clearance, stating this level in a header.
asks(clearance, level) := testing.request({
	"principal": {"attributes": {"cleared_for": clearance}},
	"request": {"headers": {"x-classification": level}},
})

# A request that states nothing.
plain(changes) := testing.request(object.union({"principal": {"attributes": {"cleared_for": "restricted"}}}, changes))

denied(req) := codes if {
	codes := testing.codes(clearance_levels.deny) with input as req with data.levels as levels
}

above(req) := targets if {
	targets := testing.excluded(clearance_levels.exclude, "above_clearance") with input as req with data.levels as levels
}

test_who_asks_is_cleared if {
	every pair in [[c, l] | some i, c in levels.order; some j, l in levels.order; i >= j] {
		denied(asks(pair[0], pair[1])) == set()
	}
}

test_who_asks_is_not_cleared if {
	every pair in [[c, l] | some i, c in levels.order; some j, l in levels.order; i < j] {
		denied(asks(pair[0], pair[1])) == {"not_cleared"}
	}
}

test_each_level_and_its_targets if {
	above(asks("restricted", "public")) == set()
	above(asks("restricted", "internal")) == set()
	above(asks("restricted", "confidential")) == {"cloud"}
	above(asks("restricted", "restricted")) == {"cloud", "gpu_cluster", "edge"}
}

test_a_key_without_clearance_has_the_default if {
	denied(testing.request({})) == set()
	denied(testing.request({"request": {"headers": {"x-classification": "internal"}}})) == set()
	denied(testing.request({"request": {"headers": {"x-classification": "confidential"}}})) == {"not_cleared"}
	denied(testing.request({"principal": {"attributes": {"cleared_for": "public"}}})) == {"not_cleared"}
}

test_upper_case_is_the_same_level if {
	denied(asks("Restricted", "CONFIDENTIAL")) == set()
	above(asks("Restricted", "CONFIDENTIAL")) == {"cloud"}
}

test_unknown_levels if {
	every level in ["cosmic", ""] {
		denied(asks("restricted", level)) == {"level_unknown"}
		denied(asks(level, "internal")) == {"level_unknown"}
		above(asks("restricted", level)) == {"cloud", "gpu_cluster", "edge", "air_gapped"}
	}
	above(plain({"targets": {"cloud": {"attributes": {"cleared_for": "cosmic"}}}})) == {"cloud"}
	above(plain({"targets": {"cloud": {"posture": "submarine"}}})) == {"cloud"}
}

test_metadata_states_a_level_too if {
	above(plain({"request": {"metadata": {"classification": "restricted"}}})) == {"cloud", "gpu_cluster", "edge"}
}

test_the_highest_statement_counts if {
	req := plain({"request": {
		"headers": {"x-classification": "public"},
		"metadata": {"classification": "confidential"},
	}})
	above(req) == {"cloud"}
}

test_work_that_is_always_confidential if {
	req := plain({
		"principal": {"attributes": {"classification": "confidential"}},
		"request": {"headers": {"x-classification": "public"}},
	})
	above(req) == {"cloud"}
}

test_findings_raise_the_level if {
	above(plain({})) == set()
	above(plain(testing.found("pii", "EMAIL_ADDRESS", 0.9))) == set()
	above(plain(testing.found("pii", "PASSPORT", 0.9))) == {"cloud"}
	above(plain(testing.found("secrets", "SECRET_JWT", 0.9))) == {"cloud", "gpu_cluster", "edge"}
	above(plain(testing.found("secrets", "SECRET_GENERIC", 0.9))) == {"cloud"}
	above(plain(testing.found("pii", "CREDIT_CARD", 0.5))) == {"cloud", "gpu_cluster", "edge"}
	above(plain(testing.found("pii", "CREDIT_CARD", 0.49))) == set()
}

test_findings_do_not_deny if {
	req := object.union(asks("public", "public"), testing.found("secrets", "SECRET_JWT", 0.9))
	denied(req) == set()
	above(req) == {"cloud", "gpu_cluster", "edge"}
}

test_unread_content if {
	above(plain({"request": {"modalities": ["text", "image"]}})) == {"cloud"}
	above(plain({"classifiers": {"pii": {"error": "trap"}}})) == {"cloud"}
}

test_a_target_with_its_own_clearance if {
	req := object.union(asks("restricted", "restricted"), {"targets": {
		"cloud": {"attributes": {"cleared_for": "restricted"}},
		"air_gapped": {"attributes": {"cleared_for": "public"}},
	}})
	above(req) == {"gpu_cluster", "edge", "air_gapped"}
}

# Your data: this one reads levels/data.yaml as it stands.
test_levels_are_usable if {
	known := {level | some level in data.levels.order}
	count(known) == count(data.levels.order)
	every level in array.concat(
		[data.levels.default, data.levels.secrets, data.levels.personal, data.levels.unread],
		array.concat([level | some level in data.levels.postures], [level | some level in data.levels.kinds]),
	) {
		level in known
	}
	object.keys(data.levels.postures) == {"cloud", "gpu_cluster", "edge", "air_gapped"}
}

# The whole decision, in which other packages may have their say.
test_decision if {
	decision := data.sallyport.decision with input as asks("confidential", "confidential") with data.levels as levels
	testing.excluded(decision.exclude, "above_clearance") == {"cloud"}
	denied_decision := data.sallyport.decision with input as asks("internal", "restricted") with data.levels as levels
	not denied_decision.allow
}
