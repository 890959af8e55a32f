package sallyport.rules.secrets_test

import data.sallyport.rules.secrets
import data.sallyport.testing

test_no_secret if {
	count(secrets.deny) == 0 with input as testing.request({}) with data.sallyport.settings as {}
	count(secrets.exclude) == 0 with input as testing.request({}) with data.sallyport.settings as {}
}

test_secret_stays_out_of_the_cloud if {
	found := testing.request(testing.found("secrets", "SECRET_AWS_KEY", 0.9))
	count(secrets.deny) == 0 with input as found with data.sallyport.settings as {}
	object.keys(secrets.exclude) == {"cloud"} with input as found with data.sallyport.settings as {}
}

test_secret_of_an_unknown_kind_and_classifier if {
	found := testing.request(testing.found("mine", "SECRET_OF_MINE", 0.5))
	object.keys(secrets.exclude) == {"cloud"} with input as found with data.sallyport.settings as {}
}

test_doubtful_secret_does_not_count if {
	found := testing.request(testing.found("secrets", "SECRET_GENERIC", 0.49))
	count(secrets.exclude) == 0 with input as found with data.sallyport.settings as {}
}

test_private_key_goes_nowhere if {
	found := testing.request(testing.found("secrets", "SECRET_PRIVATE_KEY", 0.99))
	some reason in secrets.deny with input as found with data.sallyport.settings as {}
	reason.code == "secret_denied"
}

test_denied_kinds_can_be_chosen if {
	found := testing.request(testing.found("secrets", "SECRET_PRIVATE_KEY", 0.99))
	count(secrets.deny) == 0 with input as found with data.sallyport.settings as {"denied_kinds": []}
}
