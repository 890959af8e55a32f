# METADATA
# scope: package
# title: Inspection
# description: >-
#   What nobody has read does not leave to the cloud. A classifier that failed
#   reaches policy only where its configuration says on_error = "report"; else
#   the request is denied before.
package sallyport.rules.inspection

import data.sallyport.rules.settings

# METADATA
# title: Failed classifier
# labels: {control: "ISO27001-A.8.12"}
exclude[target] contains {"code": "classifier_failed", "message": "a classifier failed, so the prompt stays out of the cloud"} if {
	some facts in input.classifiers
	facts.error
	some target, t in input.targets
	t.posture == "cloud"
}

# METADATA
# title: Missing classifier
# labels: {control: "ISO27001-A.8.12"}
exclude[target] contains {"code": "not_inspected", "message": message} if {
	some name in settings.required_classifiers
	not input.classifiers[name]
	message := sprintf("the required classifier %s has not read the prompt", [name])
	some target, t in input.targets
	t.posture == "cloud"
}

# METADATA
# title: Unreadable content
# labels: {control: "ISO27001-A.8.12"}
exclude[target] contains {"code": "not_inspected", "message": message} if {
	some modality in input.request.modalities
	not modality in settings.cloud_modalities
	message := sprintf("no classifier reads content of the modality %s", [modality])
	some target, t in input.targets
	t.posture == "cloud"
}
