// Package expertclass tells the platform team whether experts can use a class:
// what contradicts itself, and which other class is marked as default too. It
// changes nothing but the class's status; experts check their class themselves.
package expertclass
