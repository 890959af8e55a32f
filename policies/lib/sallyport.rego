# METADATA
# scope: package
# title: Sallyport's decision
# description: >-
#   Combines what the rule packages (sallyport.rules.*) say into one decision.
#   Rule packages are never edited here and this file is never edited by their
#   authors: the loader binds each package's deny, exclude, prefer and obligation
#   into `contributed`, and this file joins them. Joining only ever tightens: no
#   package can take back what another one forbade.
package sallyport

# METADATA
# title: The decision
# description: What the enforcement point reads, and what is recorded.
# entrypoint: true
decision := {
	"allow": allow,
	"deny": deny,
	"exclude": exclude,
	"prefer": prefer,
	"obligations": obligations,
}

# METADATA
# title: Allow
# description: Nothing forbids the request, and a candidate without an exclusion is left.
default allow := false

allow if {
	count(deny) == 0
	some key, _ in input.targets
	not exclude[key]
}

# METADATA
# title: Deny
# description: Why the request goes nowhere, each reason with its rule package.
deny contains {"code": reason.code, "message": reason.message, "rule": rule} if {
	some rule, reasons in contributed.deny
	some reason in reasons
}

# What a package says in a shape that nobody reads would be lost, so it denies.
deny contains {"code": "policy_error", "message": message, "rule": entry.rule} if {
	some entry in malformed
	message := sprintf("%s must be %s", [entry.path, entry.shape])
}

# METADATA
# title: Exclude
# description: >-
#   By candidate, why the request must not go there. A package may name a
#   candidate or a target; a target's exclusion holds for each of its models.
exclude[key] contains {"code": reason.code, "message": reason.message, "rule": rule} if {
	some rule, by_name in contributed.exclude
	some key, own in names
	some name in own
	some reason in by_name[name]
}

# METADATA
# title: Prefer
# description: >-
#   By candidate, the product of all packages' weights, 0..1. A preference orders
#   what is permitted; it permits nothing.
prefer[key] := product(weights) if {
	some key, own in names
	weights := [weight |
		some by_name in contributed.prefer
		some name in own
		weight := by_name[name]
		is_number(weight)
	]
	count(weights) > 0
}

# By candidate, the names that stand for it: its key, and that of its target where
# the target has several candidates.
names[key] := [key] if {
	some key, target in input.targets
	object.get(target, "target", key) == key
}

names[key] := sort([key, target.target]) if {
	some key, target in input.targets
	target.target != key
}

# METADATA
# title: Obligations
# description: >-
#   What must be done for an allow to hold; of several statements the strictest.
#   An obligation that this library does not know is passed on under its name as
#   the set of the stated values; the enforcement point denies what it does not know.
obligations[name] := value if {
	some name, values in stated
	value := combined(object.get(combination, name, "pass on"), name, values)
}

stated[name] contains value if {
	some by_name in contributed.obligation
	some name, value in by_name
}

# How several statements of an obligation become one.
combination := {
	"redact": "join",
	"strip_tools": "join",
	"inspect_completion": "join",
	"max_output_tokens": "least",
	"priority_max": "greatest",
	"max_cost_usd": "least",
	"restore": "strictest",
	"log": "strictest",
	"lossy": "strictest",
	"on_completion_finding": "strictest",
	"on_miss": "strictest",
	"hedge": "strictest",
	"disclose_target": "strictest",
	"budget": "least of each field",
}

known_obligations := object.keys(combination)

combined("join", _, values) := joined if {
	joined := {member | some value in values; some member in value}
	count(joined) > 0
}

combined("least", _, values) := min({value | some value in values; is_number(value)})

# Urgency 0 is the most urgent (RFC 9218), so the greatest bound is the strictest.
combined("greatest", _, values) := max({value | some value in values; is_number(value)})

combined("strictest", name, values) := [value | some value in strictness[name]; value in values][0]

combined("least of each field", _, values) := budget if {
	budget := {field: least |
		some field in budget_fields
		least := min({value | some part in values; value := part[field]; is_number(value)})
	}
	count(budget) > 0
}

combined("pass on", _, values) := values

# Strictest first. log: the less text is kept, the stricter.
strictness := {
	"restore": [true, false],
	"log": ["none", "metadata", "full"],
	"lossy": ["deny", "allow"],
	"on_completion_finding": ["deny", "redact", "report"],
	"on_miss": ["cancel", "finish"],
	"hedge": [false, true],
	"disclose_target": [false, true],
}

budget_fields := {"ttft_ms", "tpot_ms", "total_ms"}
