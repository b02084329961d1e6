package teacher

import (
	"net"
	"net/http"
	"time"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/agent"
	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/stage"
)

// Connection is a run's teacher as a shard of Experience reaches it.
type Connection struct {
	// Profile bounds the teacher's episodes.
	Profile agent.Profile
	// Provenance of what it makes, for a sample's record.
	Provenance string
	// Attempts that each task gets.
	Attempts int

	client    *client
	transport *http.Transport
}

const (
	dialTimeout = 10 * time.Second
	keepAlive   = 30 * time.Second
	// idleConnections to the proxy: a shard plays few episodes at once.
	idleConnections = 8
)

// Connect returns the teacher of a stage's recipe behind the proxy that the
// specification names. It asks nothing yet. The error is a *stage.Error of class
// Configuration.
func Connect(spec contract.StageSpec) (*Connection, error) {
	teacher := spec.Recipe.Teacher
	switch {
	case teacher == nil:
		return nil, stage.Fail(v1alpha1.FailureConfiguration, nil, "the recipe has no teacher: set teacher of the ExpertClass")
	case spec.TeacherURL == "":
		return nil, stage.Fail(v1alpha1.FailureConfiguration, nil, "the stage is told no address of its teacher: use worker and manager of one release")
	}
	// Plain and direct: the pod reaches the proxy alone, and variables that name
	// another one are not for it.
	transport := &http.Transport{
		DialContext:         (&net.Dialer{Timeout: dialTimeout, KeepAlive: keepAlive}).DialContext,
		MaxIdleConnsPerHost: idleConnections,
	}
	return connect(spec.TeacherURL, *teacher, spec.Recipe.Experience.CommandTimeout.Duration, transport), nil
}

func connect(url string, teacher v1alpha1.Teacher, commandTimeout time.Duration, transport *http.Transport) *Connection {
	return &Connection{
		Profile: agent.NewProfile(v1alpha1.AgentProfile{
			MaxTokensPerTurn: teacher.MaxTokensPerTurn, ContextTokens: teacher.ContextTokens,
		}, commandTimeout),
		Provenance: Provenance(teacher.Model),
		Attempts:   int(max(1, teacher.AttemptsPerTask)),
		client:     newClient(url, teacher, transport),
		transport:  transport,
	}
}

// Provenance of a sample that a teacher's model made.
func Provenance(model string) string { return "teacher:" + model }

// Model returns the teacher for one attempt at a task. See the errors of Next:
// ErrAnswer costs the attempt, any other error ends the stage.
func (c *Connection) Model() agent.Model { return c.client }

// Close gives the connections back.
func (c *Connection) Close() { c.transport.CloseIdleConnections() }
