package sallyport.rules.degraded_mode_test

import data.sallyport.rules.degraded_mode
import data.sallyport.testing

# Settings of the tests' own, so that these hold whatever yours are.
degraded := {"enough": 0.5, "essential_roles": ["on_call"], "max_output_tokens": 256, "budget": {"total_ms": 9000}}

# Candidates of which these are down; the cloud is the overflow.
asks(roles, down) := object.union_n([
	testing.request({"principal": {"roles": roles}}),
	{"targets": {target: {"healthy": false} | some target in down}},
	{"targets": {"cloud": {"attributes": {"overflow": "yes"}}}},
])

denied(req) := codes if {
	codes := testing.codes(degraded_mode.deny) with input as req with data.degraded as degraded
}

closed(req) := targets if {
	targets := testing.excluded(degraded_mode.exclude, "overflow_closed") with input as req with data.degraded as degraded
}

obliged(req) := obligation if {
	obligation := degraded_mode.obligation with input as req with data.degraded as degraded
}

test_all_is_well if {
	req := asks([], [])
	denied(req) == set()
	closed(req) == {"cloud"}
	obliged(req) == {}
}

# One of three is down: two thirds are enough.
test_one_down if {
	req := asks([], ["edge"])
	denied(req) == set()
	closed(req) == {"cloud"}
	obliged(req) == {}
}

test_two_down if {
	denied(asks([], ["edge", "gpu_cluster"])) == {"degraded"}
	denied(asks(["stranger"], ["edge", "gpu_cluster"])) == {"degraded"}
	req := asks(["on_call"], ["edge", "gpu_cluster"])
	denied(req) == set()
	closed(req) == {"cloud"}
	obliged(req) == {"max_output_tokens": 256, "budget": {"total_ms": 9000}, "hedge": false}
}

test_half_is_enough if {
	half := json.remove(asks([], ["edge"]), ["targets/gpu_cluster"])
	denied(half) == set()
	obliged(half) == {}
}

test_an_outage_opens_the_overflow if {
	req := asks(["on_call"], ["edge", "gpu_cluster", "air_gapped"])
	denied(req) == set()
	closed(req) == set()
	denied(asks([], ["edge", "gpu_cluster", "air_gapped"])) == {"degraded"}
}

# Asking for the overflow's model by name does not open it.
test_the_overflow_alone if {
	req := json.remove(asks(["on_call"], []), ["targets/edge", "targets/gpu_cluster", "targets/air_gapped"])
	closed(req) == {"cloud"}
	denied(req) == set()
	obliged(req) == {}
}

# Your data: this one reads degraded/data.yaml as it stands.
test_settings_are_usable if {
	data.degraded.enough > 0
	data.degraded.enough <= 1
	data.degraded.max_output_tokens >= 1
	count(data.degraded.essential_roles) > 0
	every unit, milliseconds in data.degraded.budget {
		unit in {"ttft_ms", "tpot_ms", "total_ms"}
		milliseconds >= 1
	}
}

# The whole decision, in which other packages may have their say.
test_decision if {
	req := asks(["on_call"], ["edge", "gpu_cluster"])
	decision := data.sallyport.decision with input as req with data.degraded as degraded
	testing.excluded(decision.exclude, "overflow_closed") == {"cloud"}
	decision.obligations.max_output_tokens <= 256
	others := data.sallyport.decision with input as asks([], ["edge", "gpu_cluster"]) with data.degraded as degraded
	not others.allow
}
