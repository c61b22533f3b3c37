"""What is to happen: settings, scenarios, faults and plans, all drawn before anything runs."""
