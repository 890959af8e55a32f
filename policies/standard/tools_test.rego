package sallyport.rules.tools_test

import data.sallyport.rules.tools
import data.sallyport.testing

test_dangerous_tools_are_stripped if {
	req := testing.request({"request": {"tools": ["get_weather", "shell"]}})
	tools.obligation.strip_tools == {"shell"} with input as req with data.sallyport.settings as {}
	tools.obligation.strip_tools == {"get_weather"} with input as req with data.sallyport.settings as {"dangerous_tools": ["get_weather"]}
}

test_case_does_not_matter if {
	req := testing.request({"request": {"tools": ["Shell"]}})
	tools.obligation.strip_tools == {"Shell"} with input as req with data.sallyport.settings as {}
	tools.obligation.strip_tools == {"Shell"} with input as req with data.sallyport.settings as {"dangerous_tools": ["SHELL"]}
}

test_other_tools_stay if {
	req := testing.request({"request": {"tools": ["get_weather"]}})
	count(tools.obligation.strip_tools) == 0 with input as req with data.sallyport.settings as {}
}
