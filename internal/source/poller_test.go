package source

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/source/gittest"
)

const interval = time.Minute

// bench runs a Poller with a fake clock; git, server and repositories are real.
// The API server is replaced by a fake client that holds Secrets.
type bench struct {
	*Poller
	clock  *clocktesting.FakeClock
	server *gittest.Server

	mu   sync.Mutex
	told map[string]int
	tell chan struct{}
}

func newBench(t *testing.T, secrets ...client.Object) *bench {
	t.Helper()
	b := &bench{clock: clocktesting.NewFakeClock(time.Unix(1_700_000_000, 0)), server: gittest.New(t), told: map[string]int{}, tell: make(chan struct{}, 1)}
	b.Poller = NewPoller(newGit(t), NewSecrets(fake.NewClientBuilder().WithObjects(secrets...).Build()), b.clock, logr.Discard())
	return b
}

func (b *bench) start(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := b.Start(ctx); err != nil {
			t.Errorf("Start: %v", err)
		}
	}()
	go func() {
		for {
			select {
			case e := <-b.Events():
				b.mu.Lock()
				b.told[e.Object.GetName()]++
				b.mu.Unlock()
				select {
				case b.tell <- struct{}{}:
				default:
				}
			case <-done:
				return
			}
		}
	}()
	t.Cleanup(func() { cancel(); <-done })
}

// settled waits until no look is under way and the poller waits for its clock.
func (b *bench) settled(t *testing.T, condition func() bool) {
	t.Helper()
	deadline := time.NewTimer(30 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !b.idle() || !condition() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatal("the poller does not come to rest")
		}
	}
}

func (b *bench) idle() bool {
	b.Poller.mu.Lock()
	defer b.Poller.mu.Unlock()
	for _, r := range b.remotes {
		if r.busy || !r.due.After(b.clock.Now()) {
			return false
		}
	}
	return len(b.wake) == 0 && b.clock.HasWaiters()
}

func (b *bench) toldAll(experts, times int) func() bool {
	return func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		total := 0
		for _, n := range b.told {
			total += n
		}
		return total == experts*times
	}
}

func name(i int) types.NamespacedName {
	return types.NamespacedName{Namespace: fmt.Sprintf("team-%d", i%5), Name: fmt.Sprintf("expert-%d", i)}
}

func TestOneLookForAllExperts(t *testing.T) {
	b := newBench(t)
	repository := b.server.Repository(t, "click.git")
	first := repository.Commit(t, "main", "first")
	query := Query{URL: repository.URL, Ref: v1alpha1.GitRef{Branch: "main"}, Interval: interval}
	const experts = 50
	for i := range experts {
		if o := b.Observe(name(i), query); o != nil {
			t.Fatalf("an observation before any look: %+v", o)
		}
	}
	b.start(t)
	b.settled(t, b.toldAll(experts, 1))
	if got := b.server.Looks(); got != 1 {
		t.Fatalf("%d looks for %d experts; want 1", got, experts)
	}
	if o := b.Observe(name(7), query); o == nil || o.Commit != first {
		t.Fatalf("observation %+v; want %s", o, first)
	}

	for round := 2; round <= 4; round++ {
		b.clock.Step(interval + interval/10 + time.Second)
		b.settled(t, func() bool { return b.server.Looks() >= round })
		if got := b.server.Looks(); got != round {
			t.Fatalf("after %d intervals %d looks", round, got)
		}
	}
	if !b.toldAll(experts, 1)() {
		t.Fatal("an unchanged reference was told again")
	}

	second := repository.Commit(t, "main", "second")
	b.clock.Step(interval + interval/10 + time.Second)
	b.settled(t, b.toldAll(experts, 2))
	if o := b.Observe(name(49), query); o == nil || o.Commit != second {
		t.Fatalf("observation %+v; want %s", o, second)
	}
}

func TestSameCredentialSharesALook(t *testing.T) {
	var secrets []client.Object
	for i := range 5 {
		s := secret(host("127.0.0.1"), forGit, map[string]string{"username": "bot", "password": "hunter2"})
		s.Namespace = name(i).Namespace
		secrets = append(secrets, s)
	}
	b := newBench(t, secrets...)
	repository := b.server.Repository(t, "click.git")
	repository.Commit(t, "main", "first")
	b.server.Protect("bot", "hunter2")
	for i := range 20 {
		b.Observe(name(i), Query{URL: repository.URL, Ref: v1alpha1.GitRef{Branch: "main"}, Interval: interval,
			Secret: types.NamespacedName{Namespace: name(i).Namespace, Name: "git"}})
	}
	b.start(t)
	b.settled(t, b.toldAll(20, 1))
	// One look asks twice: without credentials, as HTTP wants it, then with them.
	if got := b.server.Looks(); got != 2 {
		t.Fatalf("%d requests for 5 Secrets with the same content; want 2", got)
	}
}

func TestForgottenExpertsAreNotLookedFor(t *testing.T) {
	b := newBench(t)
	repository := b.server.Repository(t, "click.git")
	repository.Commit(t, "main", "first")
	b.Observe(name(0), Query{URL: repository.URL, Ref: v1alpha1.GitRef{Branch: "main"}, Interval: interval})
	b.start(t)
	b.settled(t, b.toldAll(1, 1))
	b.Forget(name(0))
	b.clock.Step(2 * interval)
	b.settled(t, func() bool { return true })
	if got := b.server.Looks(); got != 1 {
		t.Fatalf("%d looks; want 1", got)
	}
	if len(b.remotes)+len(b.experts) != 0 {
		t.Fatalf("kept %d remotes and %d experts", len(b.remotes), len(b.experts))
	}
}

func TestNudgeLooksNow(t *testing.T) {
	b := newBench(t)
	repository := b.server.Repository(t, "click.git")
	repository.Commit(t, "main", "first")
	query := Query{URL: repository.URL, Ref: v1alpha1.GitRef{Branch: "main"}, Interval: interval}
	b.Observe(name(0), query)
	b.start(t)
	b.settled(t, b.toldAll(1, 1))
	second := repository.Commit(t, "main", "second")
	query.Nudge = "please"
	b.Observe(name(0), query)
	b.settled(t, b.toldAll(1, 2))
	if o := b.Observe(name(0), query); o.Commit != second {
		t.Fatalf("observation %+v; want %s", o, second)
	}
}

func TestSecretProblems(t *testing.T) {
	tests := map[string]struct {
		url    string
		secret *corev1.Secret
		says   string
	}{
		"missing":         {says: `Secret "git" does not exist in namespace team-0`},
		"not for git":     {secret: secret(host("127.0.0.1"), nil, nil), says: "needs the label repoexpert.dev/use: git"},
		"of another host": {secret: secret(host("git.example"), forGit, nil), says: `may be sent to host "git.example" only`},
		"ssh without one": {url: "ssh://git@127.0.0.1/a.git", says: "ssh needs a key"},
	}
	for test, tc := range tests {
		t.Run(test, func(t *testing.T) {
			var objects []client.Object
			if tc.secret != nil {
				tc.secret.Namespace = "team-0"
				objects = append(objects, tc.secret)
			}
			b := newBench(t, objects...)
			repository := b.server.Repository(t, "click.git")
			query := Query{URL: repository.URL, Ref: v1alpha1.GitRef{Branch: "main"}, Interval: interval, Secret: types.NamespacedName{Namespace: "team-0", Name: "git"}}
			if tc.url != "" {
				query.URL, query.Secret = tc.url, types.NamespacedName{}
			}
			b.Observe(name(0), query)
			b.start(t)
			b.settled(t, b.toldAll(1, 1))
			o := b.Observe(name(0), query)
			if o.Err == nil || o.Err.Reason != v1alpha1.ReasonSecretNotUsable || !strings.Contains(o.Err.Message, tc.says) {
				t.Fatalf("observation %+v; want SecretNotUsable with %q", o, tc.says)
			}
			if b.server.Looks() != 0 {
				t.Fatal("the host was asked without a usable Secret")
			}
		})
	}
}

func TestFaultsOfOursKeepWhatWasKnown(t *testing.T) {
	before := Observation{Commit: "abc"}
	r := &remote{followers: map[types.NamespacedName]Query{name(0): {Interval: interval}}, last: &before}
	p := NewPoller(nil, nil, clocktesting.NewFakeClock(time.Now()), logr.Discard())
	found, err := failed(apierrors.NewServiceUnavailable("etcd"))
	if err == nil || found != nil {
		t.Fatalf("failed = %v, %v", found, err)
	}
	if tell := p.finish(r, found); tell != nil || r.last.Commit != "abc" || r.failures != 1 {
		t.Fatalf("tell %v, last %v, failures %d", tell, r.last, r.failures)
	}
	if _, err := failed(fmt.Errorf("wrapped: %w", notUsable("git", "is odd"))); err != nil {
		t.Fatalf("an Error was not recognized: %v", err)
	}
	if _, err := failed(apierrors.NewNotFound(schema.GroupResource{}, "x")); errors.Is(err, nil) {
		t.Fatal("a fault was lost")
	}
}

func TestBackoff(t *testing.T) {
	down := &Observation{Err: unreachable("u", "is down")}
	overloaded := &Observation{Err: &Error{Reason: v1alpha1.ReasonRepositoryUnreachable, Overloaded: true}}
	wrong := &Observation{Err: &Error{Reason: v1alpha1.ReasonRefNotFound}}
	tests := map[string]struct {
		interval time.Duration
		looks    []*Observation
		want     time.Duration
	}{
		"fine":               {interval, []*Observation{{Commit: "a"}}, interval},
		"one failure":        {interval, []*Observation{down}, interval},
		"three failures":     {interval, []*Observation{down, down, down}, 4 * interval},
		"many failures":      {interval, []*Observation{down, down, down, down, down, down, down, down}, maxBackoff},
		"failed, then fine":  {interval, []*Observation{down, down, {Commit: "a"}}, interval},
		"overloaded":         {interval, []*Observation{overloaded}, 4 * interval},
		"wrong reference":    {interval, []*Observation{wrong, wrong, wrong}, interval},
		"faults of ours":     {interval, []*Observation{nil, nil}, 2 * interval},
		"long interval":      {time.Hour, []*Observation{down, down, down}, time.Hour},
		"does not overflow ": {24 * time.Hour, []*Observation{down, down}, 24 * time.Hour},
	}
	for test, tc := range tests {
		t.Run(test, func(t *testing.T) {
			failures := 0
			for _, o := range tc.looks {
				failures = failuresAfter(failures, o)
			}
			if got := backedOff(tc.interval, failures); got != tc.want {
				t.Fatalf("interval %s; want %s", got, tc.want)
			}
		})
	}
	for range 1000 {
		if d := jittered(interval); d < interval*9/10 || d > interval*11/10 {
			t.Fatalf("jitter gives %s", d)
		}
	}
}
