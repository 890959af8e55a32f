# METADATA
# scope: package
# title: What must never happen to personal data
# description: >-
#   Stated without a look at the rules, so that a mistake in them is not repeated
#   here.
package sallyport.invariants.residency

# METADATA
# title: Personal data is only where its region lets it be
invariant contains {"name": "personal_data_in_region", "message": "personal data may go to a target outside of its region"} if {
	some kind in data.sallyport.personal_kinds
	some classifier
	input.classifiers[classifier].findings[kind].max_score >= 0.5
	some target in data.sallyport.permitted
	not open_to(input.principal.attributes.region, input.targets[target].jurisdiction)
}

open_to(region, jurisdiction) if jurisdiction in data.regions[region].jurisdictions
