# METADATA
# scope: package
# title: Secrets
# description: Credentials in a prompt never reach a cloud provider; some kinds go nowhere.
package sallyport.rules.secrets

import data.sallyport.rules.settings

# METADATA
# title: Denied kinds
# labels: {control: "ISO27001-A.8.12"}
deny contains {"code": "secret_denied", "message": "the prompt holds a secret that goes nowhere"} if {
	some kind in settings.denied_kinds
	data.sallyport.found(kind, settings.threshold)
}

# METADATA
# title: Secrets stay out of the cloud
# labels: {control: "ISO27001-A.8.12"}
exclude[target] contains {"code": "secret_in_prompt", "message": "secrets do not leave to the cloud"} if {
	some kind in data.sallyport.secret_kinds
	data.sallyport.found(kind, settings.threshold)
	some target, t in input.targets
	t.posture == "cloud"
}
