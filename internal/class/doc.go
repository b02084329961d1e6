// Package class decides what an ExpertClass means for an expert: which class
// applies, whether it makes sense, and the recipe that comes out when class,
// expert and overrides are merged. It is pure.
//
// A class applies by name, or by being the only one with the default
// annotation. What the schema cannot state is checked here, by the ExpertClass
// controller for the platform team and again before each run and roll, so that
// a contradiction costs a sentence and not hours of a pipeline.
package class
