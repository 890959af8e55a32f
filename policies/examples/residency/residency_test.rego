package sallyport.rules.residency_test

import data.sallyport.rules.residency
import data.sallyport.testing

# What a key of the region asks, with personal data in it; the cloud is in the
# US, everything else in the EU.
asks(region) := object.union_n([
	testing.request({"targets": {"cloud": {"jurisdiction": "US"}}}),
	testing.found("pii", "EMAIL_ADDRESS", 0.9),
	{"principal": {"attributes": {"region": region}}},
])

test_eu_data_stays_in_the_eu if {
	object.keys(residency.exclude) == {"cloud"} with input as asks("EU")
	residency.obligation.redact == {"EMAIL_ADDRESS"} with input as asks("EU")
}

test_us_data_may_go_anywhere if {
	count(residency.exclude) == 0 with input as asks("US")
	count(residency.obligation.redact) == 0 with input as asks("US")
	count(residency.deny) == 0 with input as asks("US")
}

test_nothing_personal_may_go_anywhere if {
	req := testing.request({"targets": {"cloud": {"jurisdiction": "US"}}, "principal": {"attributes": {"region": "EU"}}})
	count(residency.exclude) == 0 with input as req
}

test_an_unknown_region_is_denied if {
	every region in ["Atlantis", ""] {
		some reason in residency.deny with input as asks(region)
		reason.code == "region_unknown"
	}
}

test_no_region_is_denied if {
	some reason in residency.deny with input as testing.request(testing.found("pii", "PERSON", 1))
	reason.code == "region_unknown"
}

# The whole decision, as it will be enforced.
test_decision if {
	decision := data.sallyport.decision with input as asks("EU")
	decision.allow
	some reason in decision.exclude.cloud
	reason.rule == "residency"
	"EMAIL_ADDRESS" in decision.obligations.redact
}
