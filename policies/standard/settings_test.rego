package sallyport.rules.settings_test

import data.sallyport.rules.settings

test_defaults_are_usable if {
	count(settings.deny) == 0 with data.sallyport.settings as {}
	settings.threshold == 0.5 with data.sallyport.settings as {}
	settings.simple_below < settings.demanding_from with data.sallyport.settings as {}
}

test_given_values_hold if {
	mine := {
		"threshold": 0.9,
		"required_classifiers": ["pii"],
		"cloud_modalities": ["text", "image"],
		"denied_kinds": [],
		"dangerous_tools": ["rm"],
		"simple_below": 0.1,
		"demanding_from": 0.2,
		"of_another_policy": "x",
	}
	count(settings.deny) == 0 with data.sallyport.settings as mine
	settings.threshold == 0.9 with data.sallyport.settings as mine
	settings.required_classifiers == ["pii"] with data.sallyport.settings as mine
	settings.cloud_modalities == ["text", "image"] with data.sallyport.settings as mine
	settings.denied_kinds == [] with data.sallyport.settings as mine
	settings.dangerous_tools == ["rm"] with data.sallyport.settings as mine
	settings.simple_below == 0.1 with data.sallyport.settings as mine
	settings.demanding_from == 0.2 with data.sallyport.settings as mine
}

test_unusable_values_deny if {
	every name, value in {
		"threshold": "0.5",
		"simple_below": -1,
		"demanding_from": 2,
		"required_classifiers": "pii",
		"cloud_modalities": "text",
		"denied_kinds": [1],
		"dangerous_tools": null,
	} {
		some reason in settings.deny with data.sallyport.settings as {name: value}
		reason.code == "settings_invalid"
	}
}

test_boundaries if {
	every name in ["threshold", "simple_below", "demanding_from"] {
		count(settings.deny) == 0 with data.sallyport.settings as {name: 0}
		count(settings.deny) == 0 with data.sallyport.settings as {name: 1}
		count(settings.deny) == 1 with data.sallyport.settings as {name: 1.01}
		count(settings.deny) == 1 with data.sallyport.settings as {name: -0.01}
	}
	count(settings.deny) == 1 with data.sallyport.settings as {"required_classifiers": {"pii": "pii"}}
}
