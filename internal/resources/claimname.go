package resources

// ClaimName returns the name of an expert's artifact claim.
func ClaimName(expert string) string { return expert + "-artifacts" }
