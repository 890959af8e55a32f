package sallyport.rules.authentication_test

import data.sallyport.rules.authentication
import data.sallyport.testing

anonymous := {"principal": {"id": "anonymous", "authenticated": false}}

test_authenticated_may_go_anywhere if {
	count(authentication.deny) == 0 with input as testing.request({})
	count(authentication.exclude) == 0 with input as testing.request({})
}

test_unauthenticated_is_denied if {
	some reason in authentication.deny with input as testing.request({"principal": {"id": "somebody", "authenticated": false}})
	reason.code == "unauthenticated"
}

test_no_principal_is_denied if {
	some reason in authentication.deny with input as object.remove(testing.request({}), ["principal"])
	reason.code == "unauthenticated"
}

test_anonymous_stays_out_of_the_cloud if {
	count(authentication.deny) == 0 with input as testing.request(anonymous)
	object.keys(authentication.exclude) == {"cloud"} with input as testing.request(anonymous)
}

test_anonymous_may_use_a_stand_in if {
	stand_in := object.union(anonymous, {"targets": {"cloud": {"stand_in": true}}})
	count(authentication.exclude) == 0 with input as testing.request(stand_in)
}
