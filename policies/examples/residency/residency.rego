# METADATA
# scope: package
# title: Residency
# description: >-
#   Personal data stays where its tenant's region lets it go. The regions are data
#   (regions/data.yaml); a tenant's region is the attribute "region" of its keys.
package sallyport.rules.residency

# METADATA
# title: Personal data stays in the region
# description: A target whose jurisdiction the region does not list gets no personal data.
# labels: {control: "GDPR-44"}
exclude[target] contains {"code": "outside_region", "message": "personal data does not leave the tenant's region"} if {
	personal
	some target, t in input.targets
	not t.jurisdiction in data.regions[region].jurisdictions
}

# METADATA
# title: Regions that want it get redaction, too
# labels: {control: "GDPR-25"}
obligation.redact contains kind if {
	data.regions[region].redact
	some kind in found_kinds
}

# METADATA
# title: A key without a known region
# description: Nobody knows where its data may go, so it goes nowhere.
# labels: {control: "GDPR-44"}
deny contains {"code": "region_unknown", "message": "the key has no attribute region that the policy knows"} if {
	personal
	not data.regions[region]
}

personal if count(found_kinds) > 0

# What has not been read may be personal.
personal if data.sallyport.unread(readers)

# Add "names" where that classifier is loaded: people and places have no form that
# pii could know them by.
readers := ["pii"]

found_kinds := data.sallyport.personal_kinds & data.sallyport.kinds_found(0.5)

default region := "none"

region := input.principal.attributes.region
