# METADATA
# scope: package
# title: Spend budgets
# description: >-
#   What a tenant may spend in an hour, a day and a month, and how often it may ask
#   (budgets/data.yaml). Near the end of a budget answers are short and cheap; at
#   its end only what costs nothing is left.
package sallyport.rules.spend_budgets

# METADATA
# title: A budget is spent
# labels: {control: "FINOPS-BUDGET"}
exclude[target] contains {"code": code, "message": message} if {
	some window, share in shares
	share >= 1
	code := sprintf("budget_spent_%s", [window])
	message := sprintf("the tenant's budget of this %s is spent", [window])
	some target, t in input.targets
	t.cost_estimate_usd > 0
}

# METADATA
# title: One request may not break a budget
# labels: {control: "FINOPS-BUDGET"}
exclude[target] contains {"code": "over_budget", "message": "the request would cost more here than is left of the tenant's budget"} if {
	some window, limit in budget.usd
	some target, t in input.targets
	input.usage.spent_usd[window] < limit
	input.usage.spent_usd[window] + t.cost_estimate_usd > limit
}

# METADATA
# title: A cloud without a price
# description: What it costs would be counted as nothing.
# labels: {control: "FINOPS-BUDGET"}
exclude[target] contains {"code": "no_price", "message": "the cloud target declares no price, so no budget can hold for it"} if {
	some target, t in input.targets
	t.posture == "cloud"
	t.cost_estimate_usd == 0
}

# METADATA
# title: Too many requests
# labels: {control: "OWASP-LLM10"}
deny contains {"code": "too_many_requests", "message": "the tenant asks more often than its budget lets it"} if {
	input.usage.requests_per_minute > budget.requests_per_minute
}

# METADATA
# title: Short answers when money is short
# labels: {control: "FINOPS-BUDGET"}
obligation.max_output_tokens := data.budgets.short.max_output_tokens if short

# METADATA
# title: Cheap answers when money is short
# labels: {control: "FINOPS-BUDGET"}
obligation.max_cost_usd := data.budgets.short.max_cost_usd if short

# METADATA
# title: What costs nothing first
prefer[target] := 0.5 if {
	short
	some target, t in input.targets
	t.cost_estimate_usd > 0
}

budget := data.budgets.tenants[input.principal.tenant]

budget := data.budgets["default"] if not data.budgets.tenants[input.principal.tenant]

# Of each window the share that is spent; a budget of 0 is spent.
shares[window] := input.usage.spent_usd[window] / limit if {
	some window, limit in budget.usd
	limit > 0
}

shares[window] := 1 if some window, 0 in budget.usd

short if {
	some share in shares
	share >= data.budgets.short.share
}
