# METADATA
# scope: package
# title: Personal data
# description: >-
#   Personal data leaves to the cloud only redacted or not at all. The tenant's
#   attribute personal_data decides: "redact" replaces it in every text, wherever
#   the request goes, puts it back into the reply, and permits the cloud; "local", the default, and any other
#   value keep the request out of the cloud.
package sallyport.rules.personal_data

import data.sallyport.rules.settings

# METADATA
# title: Redact
# labels: {control: "GDPR-25"}
obligation.redact contains kind if {
	redacts
	some kind in kinds
}

# METADATA
# title: Restore
# description: Who sent the data gets it back in the reply.
# labels: {control: "GDPR-25"}
obligation.restore if {
	redacts
	count(kinds) > 0
}

# METADATA
# title: Personal data stays out of the cloud
# labels: {control: "GDPR-44"}
exclude[target] contains {"code": "personal_data", "message": "personal data does not leave to the cloud"} if {
	not redacts
	count(kinds) > 0
	some target, t in input.targets
	t.posture == "cloud"
}

kinds := data.sallyport.personal_kinds & data.sallyport.kinds_found(settings.threshold)

redacts if input.principal.attributes.personal_data == "redact"
