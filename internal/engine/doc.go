// Package engine runs model servers and asks them.
//
// The algorithm: an Engine says how its server is started for a set of models;
// a Supervisor starts it as a child process, waits until every model really
// answered a question (servers report health before weights are loaded), and
// replaces it when another set is ordered. In a stage the supervisor runs as a
// sidecar and takes orders over a unix socket (Listen, Dial); behind an endpoint
// it runs one model and ends with its server (Serve).
//
// The models of a server are links with the models' names in its working
// directory, so the name in a request is the same for every engine and no path
// of the volume leaks into an answer.
package engine
