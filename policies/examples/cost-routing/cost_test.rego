package sallyport.rules.cost_test

import data.sallyport.rules.cost
import data.sallyport.testing

# Allowances of the tests' own, so that these hold whatever yours are.
teams := {"acme": {"usd_per_month": 200, "usd_per_request": 0.05}}

# The edge costs nothing; the cloud is best.
asks(spent, complexity) := testing.request({
	"usage": {"spent_usd": {"month": spent}},
	"classifiers": {"complexity": {"scores": {"complexity": complexity}}},
	"targets": {"cloud": {"quality": 90}},
})

denied(req) := codes if {
	codes := testing.codes(cost.deny) with input as req with data.teams as teams
}

excluded(req) := targets if {
	targets := testing.excluded(cost.exclude, "allowance_spent") with input as req with data.teams as teams
}

preferred(req) := weights if {
	weights := cost.prefer with input as req with data.teams as teams
}

obliged(req) := obligation if {
	obligation := cost.obligation with input as req with data.teams as teams
}

test_a_team_without_an_allowance if {
	denied(testing.request({"principal": {"tenant": "strangers"}})) == {"no_allowance"}
	denied(testing.request({})) == set()
}

test_simple_prompts_prefer_what_is_free if {
	thrift := {"cloud": 0.3, "gpu_cluster": 0.3, "edge": 1, "air_gapped": 0.3}
	preferred(asks(0, 0.1)) == thrift
	preferred(asks(0, 0.34)) == thrift
}

test_other_prompts_prefer_quality if {
	quality := {"cloud": 0.9, "gpu_cluster": 0.5, "edge": 0.5, "air_gapped": 0.5}
	preferred(asks(0, 0.35)) == quality
	preferred(asks(159, 0.9)) == quality
	obliged(asks(159, 0.9)) == {"max_cost_usd": 0.05}
}

test_short_money if {
	preferred(asks(160, 0.9)).edge == 1
	obliged(asks(160, 0.9)) == {"max_cost_usd": 0.05, "max_output_tokens": 500}
	excluded(asks(160, 0.9)) == set()
}

test_spent_money if {
	excluded(asks(199.99, 0.9)) == set()
	excluded(asks(200, 0.9)) == {"cloud", "gpu_cluster", "air_gapped"}
}

# Your data: this one reads teams/data.json as it stands.
test_allowances_are_usable if {
	every allowance in data.teams {
		allowance.usd_per_month > 0
		allowance.usd_per_request >= 0
	}
}

# The whole decision, in which other packages may have their say.
test_decision if {
	decision := data.sallyport.decision with input as asks(200, 0.1) with data.teams as teams
	testing.excluded(decision.exclude, "allowance_spent") == {"cloud", "gpu_cluster", "air_gapped"}
	decision.obligations.max_cost_usd <= 0.05
	decision.obligations.max_output_tokens <= 500
}
