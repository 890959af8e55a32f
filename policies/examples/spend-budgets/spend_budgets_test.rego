package sallyport.rules.spend_budgets_test

import data.sallyport.rules.spend_budgets
import data.sallyport.testing

# Budgets of the tests' own, so that these hold whatever yours are.
budgets := {
	"default": {"usd": {"day": 1}, "requests_per_minute": 10},
	"tenants": {
		"acme": {"usd": {"hour": 10, "day": 20, "month": 100}, "requests_per_minute": 60},
		"broke": {"usd": {"month": 0}},
	},
	"short": {"share": 0.8, "max_output_tokens": 512, "max_cost_usd": 0.01},
}

# The edge costs nothing, the cloud 0.004, the cluster 0.001, the vault 0.002.
spent(tenant, hour, day, month) := testing.request({
	"principal": {"tenant": tenant},
	"usage": {"spent_usd": {"hour": hour, "day": day, "month": month}},
})

excluded(req, code) := targets if {
	targets := testing.excluded(spend_budgets.exclude, code) with input as req with data.budgets as budgets
}

denied(req) := codes if {
	codes := testing.codes(spend_budgets.deny) with input as req with data.budgets as budgets
}

obliged(req) := obligation if {
	obligation := spend_budgets.obligation with input as req with data.budgets as budgets
}

paid := {"cloud", "gpu_cluster", "air_gapped"}

test_money_enough if {
	req := spent("acme", 0, 0, 0)
	count(spend_budgets.exclude) == 0 with input as req with data.budgets as budgets
	count(spend_budgets.prefer) == 0 with input as req with data.budgets as budgets
	obliged(req) == {}
}

test_each_window if {
	excluded(spent("acme", 10, 0, 0), "budget_spent_hour") == paid
	excluded(spent("acme", 0, 20, 0), "budget_spent_day") == paid
	excluded(spent("acme", 0, 0, 100), "budget_spent_month") == paid
	excluded(spent("acme", 9.9, 19.9, 99.9), "budget_spent_month") == set()
}

test_the_last_request if {
	excluded(spent("acme", 0, 0, 99.996), "over_budget") == set()
	excluded(spent("acme", 0, 0, 99.997), "over_budget") == {"cloud"}
	excluded(spent("acme", 9.9985, 0, 0), "over_budget") == {"cloud", "air_gapped"}
	excluded(spent("acme", 10, 0, 0), "over_budget") == set()
}

test_a_cloud_without_a_price if {
	excluded(testing.request({"targets": {"cloud": {"cost_estimate_usd": 0}}}), "no_price") == {"cloud"}
}

test_others_have_the_default if {
	excluded(spent("strangers", 0, 1, 0), "budget_spent_day") == paid
	excluded(spent("strangers", 999, 0.5, 999), "budget_spent_month") == set()
	object.keys(spend_budgets.shares) == {"day"} with input as spent("strangers", 999, 0.5, 999) with data.budgets as budgets
}

test_a_budget_of_nothing if {
	excluded(spent("broke", 0, 0, 0), "budget_spent_month") == paid
	denied(spent("broke", 0, 0, 0)) == set()
}

test_short_money if {
	obliged(spent("acme", 8, 0, 0)) == {"max_output_tokens": 512, "max_cost_usd": 0.01}
	obliged(spent("acme", 0, 16, 0)) == {"max_output_tokens": 512, "max_cost_usd": 0.01}
	obliged(spent("acme", 7.9, 15.9, 79.9)) == {}
	object.keys(spend_budgets.prefer) == paid with input as spent("acme", 8, 0, 0) with data.budgets as budgets
}

asks_per_minute(tenant, requests) := testing.request({
	"principal": {"tenant": tenant},
	"usage": {"requests_per_minute": requests},
})

test_too_many_requests if {
	denied(asks_per_minute("acme", 60)) == set()
	denied(asks_per_minute("acme", 61)) == {"too_many_requests"}
	denied(asks_per_minute("strangers", 11)) == {"too_many_requests"}
	denied(asks_per_minute("broke", 1000)) == set()
}

# Your data: this one reads budgets/data.yaml as it stands.
test_budgets_are_usable if {
	every budget in array.concat([data.budgets["default"]], [b | some b in data.budgets.tenants]) {
		every window, limit in budget.usd {
			window in {"hour", "day", "month"}
			limit >= 0
		}
		object.get(budget, "requests_per_minute", 1) > 0
		object.keys(budget) - {"usd", "requests_per_minute"} == set()
	}
	data.budgets.short.share > 0
	data.budgets.short.max_output_tokens >= 1
	data.budgets.short.max_cost_usd >= 0
}

# The whole decision, in which other packages may have their say.
test_decision if {
	decision := data.sallyport.decision with input as spent("acme", 0, 0, 100) with data.budgets as budgets
	testing.excluded(decision.exclude, "budget_spent_month") == paid
	decision.obligations.max_output_tokens <= 512
}

test_without_a_free_target_it_is_denied if {
	req := json.remove(spent("acme", 0, 0, 100), ["targets/edge"])
	decision := data.sallyport.decision with input as req with data.budgets as budgets
	not decision.allow
}
