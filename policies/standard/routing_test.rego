package sallyport.rules.routing_test

import data.sallyport.rules.routing
import data.sallyport.testing

complexity(score) := {"classifiers": {"complexity": {"scores": {"complexity": score}}}}

test_simple_prompts_prefer_cheap_targets if {
	req := testing.request(complexity(0.1))
	routing.prefer == {"edge": 1, "gpu_cluster": 0.875, "air_gapped": 0.75, "cloud": 0.5} with input as req with data.sallyport.settings as {}
}

test_simple_prompts_without_prices if {
	free := {name: {"cost_estimate_usd": 0} | some name in ["cloud", "gpu_cluster", "edge", "air_gapped"]}
	req := testing.request(object.union(complexity(0.1), {"targets": free}))
	count(routing.prefer) == 0 with input as req with data.sallyport.settings as {}
}

test_demanding_prompts_prefer_good_targets if {
	rated := {"targets": {"cloud": {"quality": 90}, "edge": {"quality": 0}, "air_gapped": {"quality": 400}}}
	req := testing.request(object.union(complexity(0.8), rated))
	routing.prefer == {"cloud": 0.9, "gpu_cluster": 0.5, "edge": 0.5, "air_gapped": 1} with input as req with data.sallyport.settings as {}
}

test_prompts_between_prefer_nothing if {
	count(routing.prefer) == 0 with input as testing.request(complexity(0.5)) with data.sallyport.settings as {}
}

test_no_complexity_prefers_nothing if {
	req := json.remove(testing.request({}), ["classifiers/complexity"])
	count(routing.prefer) == 0 with input as req with data.sallyport.settings as {}
}

test_boundaries if {
	count(routing.prefer) == 4 with input as testing.request(complexity(0.34)) with data.sallyport.settings as {}
	count(routing.prefer) == 0 with input as testing.request(complexity(0.35)) with data.sallyport.settings as {}
	count(routing.prefer) == 0 with input as testing.request(complexity(0.59)) with data.sallyport.settings as {}
	count(routing.prefer) == 4 with input as testing.request(complexity(0.6)) with data.sallyport.settings as {}
}
