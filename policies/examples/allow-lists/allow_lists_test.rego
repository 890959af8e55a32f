package sallyport.rules.allow_lists_test

import data.sallyport.rules.allow_lists
import data.sallyport.testing

# Lists of the tests' own, so that these hold whatever yours are.
lists := {
	"engineer": {"models": ["*"], "tools": ["get_*", "run_tests"]},
	"support": {"models": ["gpt-4.1-mini", "*small*"], "tools": ["get_order"]},
	"batch": {"models": ["org/*.small"], "tools": []},
}

# The models of the candidates, and the tools that are offered.
asks(roles, models, tools) := testing.request({
	"principal": {"roles": roles},
	"request": {"tools": tools},
	"targets": {target: {"model": model} | some target, model in models},
})

models := {
	"cloud": "gpt-4.1-mini",
	"gpu_cluster": "org/llama.small",
	"edge": "small-2",
	"air_gapped": "org/llama-large",
}

unlisted(roles) := targets if {
	targets := testing.excluded(allow_lists.exclude, "model_not_listed") with input as asks(roles, models, []) with data.roles as lists
}

stripped(roles, tools) := names if {
	names := allow_lists.obligation.strip_tools with input as asks(roles, models, tools) with data.roles as lists
}

test_models_by_role if {
	unlisted(["engineer"]) == set()
	unlisted(["support"]) == {"air_gapped"}
	unlisted(["batch"]) == {"cloud", "edge", "air_gapped"}
}

test_roles_add_up if unlisted(["batch", "support"]) == {"air_gapped"}

test_nobody_uses_nothing if {
	every roles in [[], ["stranger"], ["Engineer"]] {
		unlisted(roles) == {"cloud", "gpu_cluster", "edge", "air_gapped"}
	}
}

test_a_name_is_matched_as_a_whole if {
	targets := {"cloud": "gpt-4.1-mini-audio", "gpu_cluster": "gpt-4.1-mini", "edge": "gpt-4x1-mini", "air_gapped": "GPT-4.1-mini"}
	req := asks(["support"], targets, [])
	excluded := testing.excluded(allow_lists.exclude, "model_not_listed") with input as req with data.roles as lists
	excluded == {"cloud", "edge", "air_gapped"}
}

test_tools_by_role if {
	stripped(["engineer"], ["get_order", "run_tests", "shell"]) == {"shell"}
	stripped(["support"], ["get_order", "get_orders"]) == {"get_orders"}
	stripped(["batch"], ["get_order"]) == {"get_order"}
	stripped([], ["get_order"]) == {"get_order"}
	stripped(["engineer"], []) == set()
}

# Your data: this one reads roles/data.yaml as it stands.
test_lists_are_usable if {
	every role in data.roles {
		object.keys(role) == {"models", "tools"}
		every pattern in array.concat(role.models, role.tools) {
			is_boolean(glob.match(pattern, null, "a"))
		}
	}
}

# The whole decision, in which other packages may have their say.
test_decision if {
	decision := data.sallyport.decision with input as asks(["support"], models, ["shell"]) with data.roles as lists
	testing.excluded(decision.exclude, "model_not_listed") == {"air_gapped"}
	"shell" in decision.obligations.strip_tools
	nobody := data.sallyport.decision with input as asks([], models, []) with data.roles as lists
	not nobody.allow
}
