package teacher

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/agent"
	"github.com/repoexpert/operator/internal/engine"
	"github.com/repoexpert/operator/internal/stage"
	"github.com/repoexpert/operator/internal/task"
)

const (
	// tries of one turn, the first included. With the pauses below, an overload of
	// two minutes passes unnoticed; a longer one ends the stage's attempt, which
	// is repeated after a while.
	tries = 8
	// firstPause doubles with every try up to longestPause, each time by a random
	// factor of 0.5 to 1.5.
	firstPause   = time.Second
	longestPause = time.Minute
	// garbageTries of one turn may bring an answer that cannot be used.
	garbageTries = 3
	// clientSlack is how much later than the proxy the client gives up.
	clientSlack = 30 * time.Second
)

// ErrAnswer says that a task's conversation brings no answer that can be used:
// the attempt at the task is lost, the teacher works.
var ErrAnswer = errors.New("the teacher's answer cannot be used")

// filtered is OpenAI's reason to stop for an answer that a filter cut.
const filtered = "content_filter"

// client is a teacher behind its proxy, for one shard.
type client struct {
	endpoint *endpoint
	teacher  v1alpha1.Teacher
	// answered says that the teacher has answered before: from then on a refused
	// request is that conversation's fault and not the class's.
	answered atomic.Bool
}

// newClient returns a client of the proxy at a base URL.
func newClient(baseURL string, teacher v1alpha1.Teacher, transport http.RoundTripper) *client {
	l := limits{
		// The proxy keeps the endpoint's own limits; these find a proxy that is gone.
		request: teacher.RequestTimeout.Duration + queueTimeout + clientSlack,
		stall:   stallTimeout + clientSlack,
		tokens:  int64(teacher.MaxTokensPerTurn),
	}
	return &client{endpoint: newEndpoint(baseURL, teacher.Model, nil, l, transport), teacher: teacher}
}

// Next implements agent.Model. An error is an *stage.Error of class
// Configuration or External, or it wraps agent.ErrContext or ErrAnswer, or is the
// context's. Of class Configuration it wraps ErrBudget when the budget is
// reached.
func (c *client) Next(ctx context.Context, messages []task.Message) (string, agent.Usage, error) {
	pauses := backoff.NewExponentialBackOff()
	pauses.InitialInterval, pauses.MaxInterval, pauses.Multiplier = firstPause, longestPause, 2
	useless := 0
	got, err := backoff.Retry(ctx, func() (answer, error) {
		got, err := c.admitted(ctx, messages)
		f, failed := asFailure(err)
		if failed && f.cause == garbage {
			useless++
		}
		switch {
		case err == nil:
			return got, nil
		case !failed || !f.passes() || useless == garbageTries:
			return got, backoff.Permanent(err)
		case f.wait > 0:
			return got, fmt.Errorf("%w, %w", err, &backoff.RetryAfterError{Duration: f.wait})
		default:
			return got, err
		}
	}, backoff.WithBackOff(pauses), backoff.WithMaxTries(tries), backoff.WithMaxElapsedTime(0))
	if f, failed := asFailure(err); failed {
		return "", agent.Usage{}, c.verdict(f)
	}
	if err != nil {
		return "", agent.Usage{}, err
	}
	c.answered.Store(true)
	return got.text, agent.Usage{PromptTokens: int(got.usage.Prompt), CompletionTokens: int(got.usage.Completion)}, nil
}

// admitted makes one try, once the proxy has room for it.
func (c *client) admitted(ctx context.Context, messages []task.Message) (answer, error) {
	for {
		got, err := c.endpoint.ask(ctx, messages, "", func(string) error { return nil })
		f, failed := asFailure(err)
		if failed && told[cause(f.code)] {
			f.cause = cause(f.code)
		}
		switch {
		case failed && f.cause == busy:
			if err := pause(ctx, max(f.wait, busyPause)); err != nil {
				return answer{}, err
			}
		case err != nil:
			return got, err
		default:
			return got, unusable(got)
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

// unusable refuses an answer that cannot become a turn of a training sample.
func unusable(got answer) error {
	switch {
	case got.finish == filtered:
		return fmt.Errorf("%w: a content filter cut it", ErrAnswer)
	case strings.TrimSpace(got.text) == "":
		return &failure{cause: garbage, text: "the answer is empty", sent: true}
	case strings.Contains(got.text, "\x00"):
		return &failure{cause: garbage, text: "the answer holds a zero byte", sent: true}
	default:
		return nil
	}
}

// verdict says what a turn without an answer means for the stage.
func (c *client) verdict(f *failure) error {
	switch {
	case f.cause == overBudget:
		return stage.Fail(v1alpha1.FailureConfiguration, ErrBudget,
			"%s: raise teacher.budget of the ExpertClass and ask for a new run, which goes on where this one stopped", budgetText(f.text))
	case f.cause == garbage:
		return fmt.Errorf("%w: %w", ErrAnswer, f)
	case f.passes():
		return stage.Fail(v1alpha1.FailureExternal, f, "the teacher's endpoint %s gave no answer in %d tries: %s", c.teacher.URL, tries, f.reason())
	case engine.ContextExceeded(f.status, f.text):
		return fmt.Errorf("%w: %w", agent.ErrContext, f)
	default:
		return c.refused(f)
	}
}

// budgetText is what the proxy says of the budget, in our words only.
func budgetText(text string) string {
	_, text, _ = strings.Cut(text, ErrBudget.Error())
	return ErrBudget.Error() + text
}

func (c *client) refused(f *failure) error {
	switch f.status {
	case http.StatusUnauthorized, http.StatusForbidden:
		if c.teacher.SecretRef == nil {
			return stage.Fail(v1alpha1.FailureConfiguration, f,
				"the teacher's endpoint %s wants a key (status %d): name a Secret with it in teacher.secretRef of the ExpertClass", c.teacher.URL, f.status)
		}
		return stage.Fail(v1alpha1.FailureConfiguration, f,
			"the teacher's endpoint %s refuses the key (status %d): put a valid one under apiKey into Secret %q, then ask for a new run", c.teacher.URL, f.status, c.teacher.SecretRef.Name)
	case http.StatusPaymentRequired:
		return stage.Fail(v1alpha1.FailureConfiguration, f,
			"the teacher's endpoint %s wants payment (status %d): settle it there, then ask for a new run", c.teacher.URL, f.status)
	case http.StatusNotFound:
		return stage.Fail(v1alpha1.FailureConfiguration, f,
			"the teacher's endpoint %s knows no model %q there (status %d): check teacher.url, which must not redirect, and teacher.model of the ExpertClass",
			c.teacher.URL, c.teacher.Model, f.status)
	}
	if c.answered.Load() {
		return fmt.Errorf("%w: %w", ErrAnswer, f)
	}
	return stage.Fail(v1alpha1.FailureConfiguration, f,
		"the teacher's endpoint %s refuses the request (status %d): check teacher.sampling and teacher.maxTokensPerTurn of the ExpertClass; the worker's log has what it said",
		c.teacher.URL, f.status)
}
