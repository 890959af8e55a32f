package sallyport.rules.health_test

import data.sallyport.rules.health
import data.sallyport.testing

test_unhealthy_is_last if {
	health.prefer == {"edge": 0.1} with input as testing.request({"targets": {"edge": {"healthy": false}}})
}

test_healthy_is_not_weighed if {
	count(health.prefer) == 0 with input as testing.request({})
}
