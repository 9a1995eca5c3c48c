"""Signal yield per electron on target, from first principles."""
