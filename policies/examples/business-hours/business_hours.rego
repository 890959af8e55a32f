# METADATA
# scope: package
# title: Business hours
# description: >-
#   Tenants ask within the hours of their calendar (calendars/data.yaml), in local
#   time with its summer time, and not on holidays. The clock is input.time, so that
#   a recorded decision comes out the same when it is made again.
package sallyport.rules.business_hours

# METADATA
# title: Closed
# labels: {control: "HR-HOURS"}
deny contains {"code": "closed", "message": "the tenant asks outside of its business hours"} if {
	not open
	not any_time
}

open if {
	some interval in calendar.hours[weekday]
	interval[0] <= minute
	minute < interval[1]
	not date in calendar.holidays
}

any_time if {
	some role in input.principal.roles
	role in data.calendars.any_time
}

calendar := data.calendars.calendars[name]

name := data.calendars.tenants[input.principal.tenant]

name := data.calendars["default"] if not data.calendars.tenants[input.principal.tenant]

# Now, in the calendar's zone.
now := [time.parse_rfc3339_ns(input.time), calendar.zone]

weekday := time.weekday(now)

# Written with two digits each, times and dates compare as texts.
minute := sprintf("%02d:%02d", array.slice(time.clock(now), 0, 2))

date := sprintf("%04d-%02d-%02d", time.date(now))
