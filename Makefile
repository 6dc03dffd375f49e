# The two commands of the README, and their parts.
.PHONY: rehearse rehearse-down test unit

rehearse:  ## a fleet of real hosts on this machine, with the sample shop deployed onto it
	@scripts/setup
	@.venv/bin/inv rehearse

rehearse-down:  ## end it; nothing is left running
	@.venv/bin/inv rehearse --down

test:  ## lint, types, unit tests, and the tests on real hosts
	@scripts/test

unit:  ## the fast part of the tests
	@scripts/test unit
