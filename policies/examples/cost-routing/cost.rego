# METADATA
# scope: package
# title: Cost
# description: >-
#   Each team has a monthly allowance (teams/data.json). While it lasts, prompts go
#   where they are answered best for their difficulty; when most of it is spent,
#   only where it costs nothing; when it is spent, nowhere that costs anything.
package sallyport.rules.cost

# METADATA
# title: A team without an allowance
# labels: {control: "FINOPS-1"}
deny contains {"code": "no_allowance", "message": "the tenant has no allowance in the policy's data"} if not allowance

# METADATA
# title: The allowance is spent
# labels: {control: "FINOPS-2"}
exclude[target] contains {"code": "allowance_spent", "message": "the tenant's monthly allowance is spent"} if {
	spent >= 1
	some target, t in input.targets
	t.cost_estimate_usd > 0
}

# METADATA
# title: A single request may not cost much
# labels: {control: "FINOPS-3"}
obligation.max_cost_usd := allowance.usd_per_request

# METADATA
# title: Short answers when money is short
# labels: {control: "FINOPS-2"}
obligation.max_output_tokens := 500 if spent >= 0.8

# METADATA
# title: Weights
# description: >-
#   Simple prompts and short money prefer what is free; demanding prompts prefer
#   quality. One rule, so that a candidate has one weight.
prefer[target] := weight if {
	some target, t in input.targets
	weight := {true: thrift(t), false: quality(t)}[thrifty]
}

default thrifty := false

thrifty if spent >= 0.8

thrifty if input.classifiers.complexity.scores.complexity < 0.35

thrift(target) := 1 if target.cost_estimate_usd == 0

thrift(target) := 0.3 if target.cost_estimate_usd > 0

quality(target) := min([100, target.quality]) / 100

allowance := data.teams[input.principal.tenant]

spent := input.usage.spent_usd.month / allowance.usd_per_month
