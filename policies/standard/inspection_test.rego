package sallyport.rules.inspection_test

import data.sallyport.rules.inspection
import data.sallyport.testing

test_inspected_prompt_may_go_anywhere if {
	count(inspection.exclude) == 0 with input as testing.request({}) with data.sallyport.settings as {}
}

test_failed_classifier_keeps_it_out_of_the_cloud if {
	failed := testing.request({"classifiers": {"mine": {"error": "time_limit"}}})
	object.keys(inspection.exclude) == {"cloud"} with input as failed with data.sallyport.settings as {}
}

test_missing_classifier_keeps_it_out_of_the_cloud if {
	missing := json.remove(testing.request({}), ["classifiers/secrets"])
	some reason in inspection.exclude.cloud with input as missing with data.sallyport.settings as {}
	reason.code == "not_inspected"
	count(inspection.exclude) == 1 with input as missing with data.sallyport.settings as {}
}

test_required_classifiers_can_be_chosen if {
	missing := json.remove(testing.request({}), ["classifiers/secrets"])
	count(inspection.exclude) == 0 with input as missing with data.sallyport.settings as {"required_classifiers": ["pii"]}
}

test_unreadable_content_stays_out_of_the_cloud if {
	every modality in ["image", "audio", "file", "other"] {
		req := testing.request({"request": {"modalities": ["text", modality]}})
		object.keys(inspection.exclude) == {"cloud"} with input as req with data.sallyport.settings as {}
		some reason in inspection.exclude.cloud with input as req with data.sallyport.settings as {}
		reason.code == "not_inspected"
	}
}

test_unreadable_content_can_be_permitted if {
	req := testing.request({"request": {"modalities": ["text", "image"]}})
	count(inspection.exclude) == 0 with input as req with data.sallyport.settings as {"cloud_modalities": ["text", "image"]}
}
