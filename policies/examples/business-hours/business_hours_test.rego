package sallyport.rules.business_hours_test

import data.sallyport.rules.business_hours
import data.sallyport.testing

# Calendars of the tests' own, so that these hold whatever yours are.
calendars := {
	"default": "berlin",
	"tenants": {"labs": "new_york", "lost": "nowhere"},
	"any_time": ["on_call"],
	"calendars": {
		"berlin": {
			"zone": "Europe/Berlin",
			"hours": {
				"Monday": [["08:00", "18:00"]],
				"Friday": [["08:00", "12:00"], ["13:00", "16:00"]],
				"Saturday": [["22:00", "24:00"]],
				"Sunday": [["00:00", "03:30"]],
			},
			"holidays": ["2026-12-25"],
		},
		"new_york": {"zone": "America/New_York", "hours": {"Monday": [["09:00", "17:30"]]}, "holidays": []},
	},
}

at(tenant, time) := testing.request({"time": time, "principal": {"tenant": tenant}})

denied(req) := codes if {
	codes := testing.codes(business_hours.deny) with input as req with data.calendars as calendars
}

open(tenant, time) if denied(at(tenant, time)) == set()

closed(tenant, time) if denied(at(tenant, time)) == {"closed"}

# Berlin is one hour before UTC in winter and two in summer.
test_winter if {
	closed("acme", "2026-01-05T06:59:59Z")
	open("acme", "2026-01-05T07:00:00Z")
	open("acme", "2026-01-05T16:59:59.999Z")
	closed("acme", "2026-01-05T17:00:00Z")
}

test_summer if {
	closed("acme", "2026-07-06T05:59:59Z")
	open("acme", "2026-07-06T06:00:00Z")
	open("acme", "2026-07-06T15:59:59Z")
	closed("acme", "2026-07-06T16:00:00Z")
}

# On 29 March 2026 Berlin's clocks go from 02:00 to 03:00, which is 01:00 UTC.
test_clocks_go_forward if {
	open("acme", "2026-03-29T00:59:59Z")
	open("acme", "2026-03-29T01:00:00Z")
	open("acme", "2026-03-29T01:29:59Z")
	closed("acme", "2026-03-29T01:30:00Z")
}

# On 25 October 2026 they go from 03:00 back to 02:00, which is 01:00 UTC: 02:30
# comes twice, and 03:30 an hour later than the day before.
test_clocks_go_back if {
	open("acme", "2026-10-25T00:30:00Z")
	open("acme", "2026-10-25T01:30:00Z")
	open("acme", "2026-10-25T02:29:59Z")
	closed("acme", "2026-10-25T02:30:00Z")
}

# New York changes on other days than Berlin: on 8 March and 1 November 2026.
test_another_zone if {
	closed("labs", "2026-03-02T13:59:59Z")
	open("labs", "2026-03-02T14:00:00Z")
	closed("labs", "2026-03-09T12:59:59Z")
	open("labs", "2026-03-09T13:00:00Z")
	open("labs", "2026-10-26T13:00:00Z")
	closed("labs", "2026-11-02T13:59:59Z")
	open("labs", "2026-11-02T14:00:00Z")
	closed("labs", "2026-11-02T22:30:00Z")
}

test_the_weekday_is_local if {
	closed("acme", "2026-01-10T20:59:59Z") # Saturday, 21:59:59
	open("acme", "2026-01-10T21:00:00Z") # Saturday, 22:00
	open("acme", "2026-01-10T22:59:59Z") # Saturday, 23:59:59
	open("acme", "2026-01-10T23:00:00Z") # Sunday, 00:00
	closed("acme", "2026-01-11T02:30:00Z") # Sunday, 03:30
}

test_a_break if {
	open("acme", "2026-01-09T10:59:59Z")
	closed("acme", "2026-01-09T11:00:00Z")
	open("acme", "2026-01-09T12:00:00Z")
	closed("acme", "2026-01-06T10:00:00Z") # Tuesday is not in the calendar
}

# 25 December 2026 is a Friday; the date is local, too.
test_holidays if {
	closed("acme", "2026-12-25T09:00:00Z")
	open("acme", "2026-12-18T09:00:00Z")
}

test_the_offset_of_the_time_does_not_matter if {
	open("acme", "2026-01-05T12:30:00+05:30")
	closed("acme", "2026-01-05T12:29:00+05:30")
}

test_roles_for_any_time if {
	req := object.union(at("acme", "2026-01-06T01:00:00Z"), {"principal": {"roles": ["engineer", "on_call"]}})
	denied(req) == set()
	denied(object.union(req, {"principal": {"roles": ["engineer"]}})) == {"closed"}
}

test_a_calendar_that_does_not_exist_is_closed if closed("lost", "2026-01-05T12:00:00Z")

# Your data: this one reads calendars/data.yaml as it stands. A zone or an hour that
# is none fails here, when the policy is loaded.
test_calendars_are_usable if {
	every name in array.concat([data.calendars["default"]], [name | some name in data.calendars.tenants]) {
		data.calendars.calendars[name]
	}
	every calendar in data.calendars.calendars {
		is_string(time.weekday([0, calendar.zone]))
		every weekday, intervals in calendar.hours {
			weekday in {"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"}
			every interval in intervals {
				count(interval) == 2
				interval[0] < interval[1]
				every time in interval {
					regex.match(`^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$`, time)
				}
			}
		}
		every date in calendar.holidays {
			is_number(time.parse_ns("2006-01-02", date))
		}
	}
}

# The whole decision, in which other packages may have their say.
test_decision if {
	night := data.sallyport.decision with input as at("acme", "2026-01-05T01:00:00Z") with data.calendars as calendars
	not night.allow
	"closed" in testing.codes(night.deny)
}
