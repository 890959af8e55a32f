package sallyport_test

import data.sallyport.testing

permitted(decision) := keys if {
	keys := data.sallyport.permitted with input as testing.request({}) with data.sallyport.decision as decision
}

test_permitted_is_what_nothing_excludes if {
	permitted({"allow": true, "exclude": {"cloud": [{"code": "x"}]}}) == {"gpu_cluster", "edge", "air_gapped"}
	permitted({"allow": true, "exclude": {}}) == {"cloud", "gpu_cluster", "edge", "air_gapped"}
}

test_a_denial_permits_nothing if permitted({"allow": false, "exclude": {}}) == set()
