//go:build e2e

package teacher

import (
	"net/http"
	"testing"
	"time"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/agent"
	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/teacher/teachertest"
)

var (
	external      = int(contract.ExitCode(v1alpha1.FailureExternal))
	configuration = int(contract.ExitCode(v1alpha1.FailureConfiguration))
)

// then revokes the key after a request.
func (s *story) thenRevoked(next string) teachertest.Step {
	return func(e *teachertest.Exchange) {
		s.server.Demand(next)
		s.upstream.Answer()(e)
	}
}

// Without faults, the account is to the token what the model's server bills.
func TestModelIsTheTeacher(t *testing.T) {
	s := newStory(t)
	printed := s.experience(0, "Teacher of these samples: "+model+", ")
	if s.whole(printed) < 2 {
		t.Error("there is too little to learn for these stories")
	}
	account := s.account(100_000)
	prompt, completion := s.server.Billed()
	if account.Used.Prompt != prompt || account.Used.Completion != completion || prompt == 0 {
		t.Errorf("the model's server bills %d and %d tokens, the account has %+v", prompt, completion, account.Used)
	}
	s.noKey(printed, key)
	before := len(s.server.Requests())
	s.experience(0, "Experience: reused")
	if after := len(s.server.Requests()); after != before {
		t.Errorf("samples that are there cost %d requests", after-before)
	}
}

// Faults that pass cost time and budget, and nothing else: overload, an answer
// that is cut, one that is none, a pause of 30 seconds in the middle of one.
func TestFaultsThatPass(t *testing.T) {
	u := upstream()
	busy := teachertest.Status(http.StatusTooManyRequests, "1", "slow down")
	pages := teachertest.Raw("text/html", "<html>we are back soon</html>")
	s := newStory(t, busy, busy, busy, busy, u.Cut(3), pages, u.Pause(3, 30*time.Second), u.Cut(1), teachertest.Status(http.StatusBadGateway, "", "gone"))
	printed := s.experience(0)
	s.whole(printed)
	s.account(100_000)
	s.noKey(printed, key)
}

// An overload that does not pass ends the call, with what it has. The same command
// goes on when it is over.
func TestOverloadThatDoesNotPass(t *testing.T) {
	s := newStory(t)
	turns := s.untilFirstTask()
	s.server.Otherwise = teachertest.Status(http.StatusTooManyRequests, "1", "slow down")
	stopped := s.experience(external, "gave no answer in 8 tries: status 429", "keeps 1 tasks: the same command goes on after them")
	if got := len(s.server.Requests()) - turns; got < 8 {
		t.Errorf("%d requests while it was overloaded", got)
	}
	s.account(100_000)
	s.server.Otherwise = s.upstream.Answer()
	printed := s.experience(0)
	s.goesOn(stopped, printed)
	s.whole(printed)
	s.account(100_000)
}

// A key that is revoked in the middle ends the call and says where the new one
// belongs; with that the same command goes on.
func TestKeyRevokedInTheMiddle(t *testing.T) {
	const next = "sk-canary-next"
	s := newStory(t)
	s.untilFirstTask()
	s.server.Then(s.thenRevoked(next))
	stopped := s.experience(configuration, "refuses the key (status 401)", "apiKey is --teacher-key-file", "keeps 1 tasks")
	s.noKey(stopped, key, next)
	s.writeKey(next)
	printed := s.experience(0)
	s.goesOn(stopped, printed)
	s.whole(printed)
	s.account(100_000)
	s.noKey(printed, key, next)
}

// A budget that is reached ends the call with its figures, and is never exceeded;
// under a larger one the same command goes on, and what was used still counts.
func TestBudgetReached(t *testing.T) {
	const small = 2000
	s := newStory(t)
	s.budget(small)
	stopped := s.experience(configuration, "the teacher's budget is reached: ", " of 2000 tokens are used", "teacher.budget is budget in the file of --teacher", "keeps ")
	before := s.account(small)
	s.budget(100_000)
	printed := s.experience(0, " of 100000 tokens, over all calls")
	s.goesOn(stopped, printed)
	s.whole(printed)
	if now := s.account(100_000); now.Used.Prompt <= before.Used.Prompt {
		t.Errorf("used are %+v, before %+v", now.Used, before.Used)
	}
}

// untilFirstTask lets the first task end at once, handed in undone, and returns how
// many requests that takes. What comes after is the model's.
func (s *story) untilFirstTask() int {
	s.server.Then(teachertest.Answer("THOUGHT: Done.\n```bash\n" + agent.SubmitChange + "\n```"))
	return 1
}
