package sallyport.rules.cost_test

import data.sallyport.rules.cost
import data.sallyport.testing

asks(spent, complexity) := testing.request({
	"usage": {"spent_usd": {"month": spent}},
	"classifiers": {"complexity": {"scores": {"complexity": complexity}}},
	"targets": {"cloud": {"quality": 90}},
})

test_a_team_without_an_allowance if {
	some reason in cost.deny with input as testing.request({"principal": {"tenant": "strangers"}})
	reason.code == "no_allowance"
}

test_simple_prompts_prefer_what_is_free if {
	cost.prefer == {"cloud": 0.3, "gpu_cluster": 0.3, "edge": 1, "air_gapped": 0.3} with input as asks(0, 0.1)
}

test_other_prompts_prefer_quality if {
	cost.prefer == {"cloud": 0.9, "gpu_cluster": 0.5, "edge": 0.5, "air_gapped": 0.5} with input as asks(0, 0.5)
	not cost.obligation.max_output_tokens with input as asks(0, 0.5)
}

test_short_money if {
	cost.prefer.edge == 1 with input as asks(160, 0.9)
	cost.obligation.max_output_tokens == 500 with input as asks(160, 0.9)
	count(cost.exclude) == 0 with input as asks(160, 0.9)
}

test_spent_money if {
	object.keys(cost.exclude) == {"cloud", "gpu_cluster", "air_gapped"} with input as asks(200, 0.9)
}

test_a_request_has_a_limit if {
	cost.obligation.max_cost_usd == 0.05 with input as asks(0, 0.1)
}

test_decision if {
	decision := data.sallyport.decision with input as asks(200, 0.1)
	decision.allow
	object.keys(decision.exclude) == {"cloud", "gpu_cluster", "air_gapped"}
	decision.obligations.max_cost_usd == 0.05
	decision.obligations.max_output_tokens == 500
}
