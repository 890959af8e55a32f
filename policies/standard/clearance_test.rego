package sallyport.rules.clearance_test

import data.sallyport.rules.clearance
import data.sallyport.testing

cleared(level) := testing.request({"principal": {"attributes": {"clearance": level}}})

test_restricted_stays_in_the_air_gap if {
	every level in ["restricted", "Restricted"] {
		object.keys(clearance.exclude) == {"cloud", "gpu_cluster", "edge"} with input as cleared(level)
	}
}

test_other_clearances_may_go_anywhere if {
	count(clearance.exclude) == 0 with input as cleared("internal")
	count(clearance.exclude) == 0 with input as testing.request({})
}
