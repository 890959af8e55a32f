package sallyport

# METADATA
# title: Malformed contributions
# description: >-
#   What packages say in a shape that is not read, each with the package, the
#   path in it and the shape it must have. The loader finds most of it before it
#   is ever evaluated; this finds the rest.
malformed contains {"rule": rule, "path": "deny", "shape": shapes.reasons} if {
	some rule, reasons in contributed.deny
	not well_formed_reasons(reasons)
}

malformed contains {"rule": rule, "path": "exclude", "shape": shapes.exclude} if {
	some rule, by_name in contributed.exclude
	not well_formed_exclude(by_name)
}

malformed contains {"rule": rule, "path": "prefer", "shape": shapes.prefer} if {
	some rule, by_name in contributed.prefer
	not well_formed_prefer(by_name)
}

malformed contains {"rule": rule, "path": "obligation", "shape": shapes.obligation} if {
	some rule, by_name in contributed.obligation
	not well_formed_names(by_name)
}

malformed contains {"rule": rule, "path": path, "shape": shape} if {
	some rule, by_name in contributed.obligation
	some name, value in by_name
	name in known_obligations
	not well_formed(combination[name], name, value)
	path := concat(".", ["obligation", name])
	shape := obligation_shapes[name]
}

well_formed_reasons(reasons) if {
	is_set(reasons)
	every reason in reasons {
		is_object(reason)
		count(reason) == 2
		is_string(reason.code)
		reason.code != ""
		is_string(reason.message)
	}
}

# Targets mostly share a reason, so each distinct one is looked at once.
well_formed_exclude(by_name) if {
	is_object(by_name)
	every name, reasons in by_name {
		is_string(name)
		is_set(reasons)
	}
	well_formed_reasons({reason | some reasons in by_name; some reason in reasons})
}

well_formed_prefer(by_name) if {
	is_object(by_name)
	every name, weight in by_name {
		is_string(name)
		is_number(weight)
		weight >= 0
		weight <= 1
	}
}

well_formed_names(by_name) if {
	is_object(by_name)
	every name, _ in by_name {
		is_string(name)
	}
}

well_formed("join", _, value) if {
	is_collection(value)
	every member in value {
		is_string(member)
		member != ""
	}
}

well_formed("strictest", name, value) if value in strictness[name]

well_formed("least", "max_output_tokens", value) if whole_from(value, 1)

well_formed("greatest", "priority_max", value) if {
	whole_from(value, 0)
	value <= 7
}

well_formed("least", "max_cost_usd", value) if {
	is_number(value)
	value >= 0
}

well_formed("least of each field", _, value) if {
	is_object(value)
	every field, milliseconds in value {
		field in budget_fields
		whole_from(milliseconds, 1)
	}
}

is_collection(value) if is_set(value)

is_collection(value) if is_array(value)

# The upper bound is the greatest integer that JSON carries exactly.
whole_from(value, least) if {
	is_number(value)
	value == floor(value)
	value >= least
	value <= 9007199254740991
}

shapes := {
	"reasons": `a set of objects of code and message, both strings: deny contains {"code": "…", "message": "…"} if { … }`,
	"exclude": `sets of reasons by target: exclude[target] contains {"code": "…", "message": "…"} if { … }`,
	"prefer": "numbers from 0 to 1 by target: prefer[target] := 0.8 if { … }",
	"obligation": `values by name: obligation.redact contains "EMAIL_ADDRESS" if { … }`,
}

obligation_shapes := {
	"redact": "a set of finding kinds",
	"strip_tools": `a set of tool names, or "*" for all`,
	"inspect_completion": "a set of classifier names",
	"max_output_tokens": "a whole number, at least 1",
	"priority_max": "a whole number from 0 to 7",
	"max_cost_usd": "a number, at least 0",
	"restore": "true or false",
	"log": `"metadata", "full" or "none"`,
	"lossy": `"allow" or "deny"`,
	"on_completion_finding": `"report", "redact" or "deny"`,
	"on_miss": `"finish" or "cancel"`,
	"hedge": "true or false",
	"disclose_target": "true or false",
	"budget": "an object of ttft_ms, tpot_ms and total_ms, each a whole number of milliseconds, at least 1",
}
