package app

default allow := false

allow if input.user == "alice"

level := 1 if input.user

level := 2 if input.admin

names contains name if some name in input.names

by_role[role] contains name if some name, role in input.roles

reasons := {"user": input.user, "n": count(input.names)}

greeting := sprintf("%s, %d", [input.user, 1e3])

large := 123456789012345678901234567890

precise := 0.1 + 0.2

missing_input if not input
