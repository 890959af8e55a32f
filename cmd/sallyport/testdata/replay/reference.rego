# METADATA
# scope: package
# title: Reference
# description: >-
#   The reference policy of the benchmarks (policies/testdata/reference), rewritten as
#   a rule package: the same data, the same comparisons, over the input that decisions
#   are recorded with.
package sallyport.rules.reference

tenant := data.tenants[input.principal.tenant]

key := tenant.keys[input.principal.id]

sensitivity_rank := {"public": 0, "internal": 1, "confidential": 2, "restricted": 3}

posture_rank := {"public-saas": 0, "private-saas": 1, "vpc": 2, "onprem": 3, "airgapped": 3}

active_labels contains label if {
	some facts in input.classifiers
	some label, finding in facts.findings
	threshold := object.get(data.config.thresholds, label, 0.5)
	finding.max_score >= threshold
}

label_classes contains data.config.label_class[label] if some label in active_labels

sensitivity := "restricted" if {
	"restricted" in label_classes
} else := "confidential" if {
	"confidential" in label_classes
} else := "internal" if {
	"internal" in label_classes
} else := "public"

required_posture := data.config.posture_for_class[sensitivity]

complexity := input.classifiers.complexity.scores.complexity

deny contains {"code": "unknown_tenant", "message": sprintf("tenant %q is not registered", [input.principal.tenant])} if not tenant

deny contains {"code": "unknown_key", "message": sprintf("key %q is not registered", [input.principal.id])} if {
	tenant
	not key
}

deny contains {"code": "key_disabled", "message": input.principal.id} if key.disabled

deny contains {"code": "model_not_allowed", "message": input.request.model} if {
	tenant
	not model_allowed
}

deny contains {"code": "budget_exhausted", "message": sprintf("more than %v micro-usd are spent", [tenant.budget_microusd])} if {
	input.usage.spent_usd.month * 1000000 >= tenant.budget_microusd
}

deny contains {"code": "prompt_too_long", "message": sprintf("%d tokens", [input.request.prompt_tokens])} if {
	input.request.prompt_tokens > key.max_prompt_tokens
}

deny contains {"code": "label_forbidden", "message": label} if {
	some label in active_labels
	label in data.config.forbidden_labels
}

deny contains {"code": "tool_forbidden", "message": tool} if {
	some tool in input.request.tools
	not tool in key.tools
}

deny contains {"code": "outside_hours", "message": "the tenant works on weekdays"} if {
	tenant.business_hours_only
	time.weekday(time.parse_rfc3339_ns(input.time)) in {"Saturday", "Sunday"}
	not "oncall" in input.principal.roles
}

model_allowed if {
	some pattern in key.models
	glob.match(pattern, ["/"], input.request.model)
}

exclude[name] contains {"code": "model", "message": "the target does not serve the model"} if {
	some name, target in data.targets
	not input.request.model in target.models
}

exclude[name] contains {"code": "posture", "message": sprintf("a prompt that is %s needs a stricter posture", [sensitivity])} if {
	some name, target in data.targets
	posture_rank[target.posture] < required_posture
}

exclude[name] contains {"code": "region", "message": "the target is outside the tenant's regions"} if {
	sensitivity_rank[sensitivity] >= 1
	some name, target in data.targets
	not target.region in tenant.residency
}

exclude[name] contains {"code": "cost", "message": "the request could cost too much there"} if {
	some name, target in data.targets
	target.cost_per_mtok * (input.request.prompt_tokens + input.request.max_output_tokens) > tenant.max_request_cost
}

exclude[name] contains {"code": "latency", "message": "the target is too slow for the budget"} if {
	some name, target in data.targets
	target.ttft_p95_ms > input.budget.ttft_ms
}

exclude[name] contains {"code": "complexity", "message": "the prompt is too demanding"} if {
	some name, target in data.targets
	complexity > target.max_complexity
}

exclude[name] contains {"code": "health", "message": "the target is not healthy"} if {
	some name, target in input.targets
	not target.healthy
}

obligation.redact contains label if {
	some label in active_labels
	label in data.config.redact_labels
}

obligation.log := "metadata" if sensitivity in {"confidential", "restricted"}

obligation.max_output_tokens := min([input.request.max_output_tokens, key.max_output_tokens])
