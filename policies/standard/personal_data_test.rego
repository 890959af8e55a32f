package sallyport.rules.personal_data_test

import data.sallyport.rules.personal_data
import data.sallyport.testing

email := testing.found("pii", "EMAIL_ADDRESS", 0.98)

redact := {"principal": {"attributes": {"personal_data": "redact"}}}

test_nothing_found if {
	count(personal_data.exclude) == 0 with input as testing.request({}) with data.sallyport.settings as {}
	count(personal_data.obligation.redact) == 0 with input as testing.request(redact) with data.sallyport.settings as {}
}

test_local_is_the_default if {
	object.keys(personal_data.exclude) == {"cloud"} with input as testing.request(email) with data.sallyport.settings as {}
	count(personal_data.obligation.redact) == 0 with input as testing.request(email) with data.sallyport.settings as {}
}

test_unknown_attribute_is_local if {
	req := testing.request(object.union(email, {"principal": {"attributes": {"personal_data": "send"}}}))
	object.keys(personal_data.exclude) == {"cloud"} with input as req with data.sallyport.settings as {}
}

test_redacted_may_leave if {
	req := testing.request(object.union(email, redact))
	count(personal_data.exclude) == 0 with input as req with data.sallyport.settings as {}
	personal_data.obligation.redact == {"EMAIL_ADDRESS"} with input as req with data.sallyport.settings as {}
	personal_data.obligation.restore == true with input as req with data.sallyport.settings as {}
}

test_nothing_to_restore if {
	not personal_data.obligation.restore with input as testing.request(redact) with data.sallyport.settings as {}
	not personal_data.obligation.restore with input as testing.request(email) with data.sallyport.settings as {}
}

test_what_is_not_personal_may_leave if {
	req := testing.request(testing.found("pii", "URL", 1))
	count(personal_data.exclude) == 0 with input as req with data.sallyport.settings as {}
}

test_threshold if {
	req := testing.request(testing.found("pii", "PHONE_NUMBER", 0.4))
	count(personal_data.exclude) == 0 with input as req with data.sallyport.settings as {}
	count(personal_data.exclude) == 1 with input as req with data.sallyport.settings as {"threshold": 0.4}
}
