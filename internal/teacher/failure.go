package teacher

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// cause is why a request brought no answer. The proxy tells it to the client as
// the code of its errors.
type cause string

const (
	// refused: the endpoint answered with a status other than 200.
	refused cause = "refused"
	// unreachable: no request was sent.
	unreachable cause = "unreachable"
	// cut: the answer stopped before its end.
	cut cause = "cut"
	// stalled: nothing came for too long in the middle of an answer.
	stalled cause = "stalled"
	// slow: the answer took too long.
	slow cause = "slow"
	// garbage: what came is no answer, or one that is too long.
	garbage cause = "garbage"
	// busy: the proxy has no room for the request yet.
	busy cause = "busy"
	// overBudget: the proxy has no budget for the request.
	overBudget cause = "budget"
)

// causes that the proxy may tell beside a status of the endpoint.
var told = map[cause]bool{unreachable: true, cut: true, stalled: true, slow: true, garbage: true, busy: true, overBudget: true}

// failure is a request without an answer.
type failure struct {
	cause cause
	// status of refused.
	status int
	// wait is how long the endpoint asks to wait; 0 when it asks nothing.
	wait time.Duration
	// text is a bounded excerpt of what the endpoint said: untrusted.
	text string
	// code is the error code beside it; believed of the proxy alone.
	code string
	// sent says that the endpoint may have seen the request.
	sent bool
	err  error
}

// Error implements error.
func (f *failure) Error() string {
	text := f.reason()
	if f.text != "" {
		text += ": " + f.text
	}
	if f.err != nil {
		text += fmt.Sprintf(": %v", f.err)
	}
	return text
}

// Unwrap returns the error that it came from.
func (f *failure) Unwrap() error { return f.err }

// reason is the same every time: it lands in a condition.
func (f *failure) reason() string {
	switch f.cause {
	case refused:
		return fmt.Sprintf("status %d", f.status)
	case unreachable:
		return "it cannot be reached"
	case cut:
		return "its answer was cut"
	case stalled:
		return "its answer stalled"
	case slow:
		return "its answer took too long"
	case garbage:
		return "what it answers is no stream of a chat completion"
	case busy:
		return "the proxy is busy"
	default:
		return string(f.cause)
	}
}

// passes says whether another try may succeed.
func (f *failure) passes() bool {
	switch f.cause {
	case refused:
		return f.status >= http.StatusInternalServerError || f.status == http.StatusTooManyRequests ||
			f.status == http.StatusRequestTimeout || f.status == http.StatusConflict || f.status == http.StatusTooEarly
	case unreachable, cut, stalled, slow, garbage, busy:
		return true
	default:
		return false
	}
}

// asFailure finds the failure in an error.
func asFailure(err error) (*failure, bool) {
	var f *failure
	ok := errors.As(err, &f)
	return f, ok
}

// retryAfter reads the header of that name, seconds or a date (RFC 9110, 10.2.3),
// 0 when it has nothing to say.
func retryAfter(header http.Header, now time.Time) time.Duration {
	value := strings.TrimSpace(header.Get("Retry-After"))
	if seconds, err := strconv.ParseInt(value, 10, 64); err == nil {
		// Before the product could overflow.
		return time.Duration(min(max(seconds, 0), int64(maxRetryAfter/time.Second))) * time.Second
	}
	date, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	return min(max(date.Sub(now), 0), maxRetryAfter)
}

// maxRetryAfter is the longest that an endpoint makes us wait: a hostile or
// broken one must not park a shard for a day.
const maxRetryAfter = 2 * time.Minute
