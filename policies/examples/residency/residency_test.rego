package sallyport.rules.residency_test

import data.sallyport.rules.residency
import data.sallyport.testing

# Regions of the tests' own, so that these hold whatever yours are.
regions := {
	"EU": {"jurisdictions": ["EU", "CH"], "redact": true},
	"US": {"jurisdictions": ["US", "EU", "CH"], "redact": false},
}

# What a key of the region asks, with changes; the cloud is in the US, everything
# else in the EU.
asks(region, changes) := object.union_n([
	testing.request({"targets": {"cloud": {"jurisdiction": "US"}}}),
	{"principal": {"attributes": {"region": region}}},
	changes,
])

email := testing.found("pii", "EMAIL_ADDRESS", 0.9)

outside(req) := targets if {
	targets := testing.excluded(residency.exclude, "outside_region") with input as req with data.regions as regions
}

denied(req) := codes if {
	codes := testing.codes(residency.deny) with input as req with data.regions as regions
}

redacted(req) := kinds if {
	kinds := residency.obligation.redact with input as req with data.regions as regions
}

test_eu_data_stays_in_the_eu if {
	outside(asks("EU", email)) == {"cloud"}
	redacted(asks("EU", email)) == {"EMAIL_ADDRESS"}
	denied(asks("EU", email)) == set()
}

test_us_data_may_go_anywhere if {
	outside(asks("US", email)) == set()
	redacted(asks("US", email)) == set()
	denied(asks("US", email)) == set()
}

test_nothing_personal_may_go_anywhere if {
	every region in ["EU", "US", "Atlantis"] {
		outside(asks(region, {})) == set()
		denied(asks(region, {})) == set()
	}
	outside(asks("EU", testing.found("secrets", "SECRET_JWT", 1))) == set()
}

test_threshold if {
	outside(asks("EU", testing.found("pii", "PHONE_NUMBER", 0.5))) == {"cloud"}
	outside(asks("EU", testing.found("pii", "PHONE_NUMBER", 0.49))) == set()
}

test_a_target_without_a_jurisdiction_is_nowhere if {
	outside(asks("EU", object.union(email, {"targets": {"edge": {"jurisdiction": ""}}}))) == {"cloud", "edge"}
}

test_unread_content_may_be_personal if {
	outside(asks("EU", {"request": {"modalities": ["text", "image"]}})) == {"cloud"}
	outside(asks("EU", {"classifiers": {"pii": {"error": "time_limit"}}})) == {"cloud"}
	denied(asks("Atlantis", {"request": {"modalities": ["image"]}})) == {"region_unknown"}
}

test_an_unknown_region_is_denied if {
	every region in ["Atlantis", "eu", ""] {
		denied(asks(region, email)) == {"region_unknown"}
	}
	denied(testing.request(email)) == {"region_unknown"}
}

# Your data: this one reads regions/data.yaml as it stands.
test_regions_are_usable if {
	every region in data.regions {
		count(region.jurisdictions) > 0
		is_boolean(region.redact)
	}
}

# The whole decision, in which other packages may have their say.
test_decision if {
	decision := data.sallyport.decision with input as asks("EU", email) with data.regions as regions
	testing.excluded(decision.exclude, "outside_region") == {"cloud"}
	"EMAIL_ADDRESS" in decision.obligations.redact
}
