package source

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"golang.org/x/sync/singleflight"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/repoexpert/operator/api/v1alpha1"
)

const (
	// maxBackoff is the longest time between two looks at a host that fails.
	maxBackoff = 10 * time.Minute
	// parallel is the number of git processes that run at a time.
	parallel = 8
)

// Resolver looks at a remote.
type Resolver interface {
	// Resolve returns the commit that a branch or tag points at, or an *Error.
	Resolve(ctx context.Context, url string, ref v1alpha1.GitRef, credential Credential) (string, error)
}

// Credentials gives what a remote is looked at with.
type Credentials interface {
	// Credential returns what a Secret gives for a URL, or an *Error.
	Credential(ctx context.Context, secret types.NamespacedName, url string) (Credential, error)
}

// Query says what an expert follows.
type Query struct {
	// URL of the repository.
	URL string
	// Ref is a branch or a tag.
	Ref v1alpha1.GitRef
	// Secret with credentials; zero for none.
	Secret types.NamespacedName
	// Interval between two looks.
	Interval time.Duration
	// Nudge asks for a look now whenever it changes.
	Nudge string
}

// Observation is what a look found: a commit, or why there is none.
type Observation struct {
	Commit string
	Err    *Error
}

// remoteKey identifies what is looked at together.
type remoteKey struct {
	url    string
	ref    v1alpha1.GitRef
	secret types.NamespacedName
}

// remote is what is known of one place that experts follow.
type remote struct {
	followers map[types.NamespacedName]Query
	last      *Observation
	failures  int
	due       time.Time
	busy      bool
	// nudged asks for another look as soon as the one under way has ended, and
	// for one that is not shared with what was seen before.
	nudged bool
}

// Poller looks at remotes on behalf of experts.
type Poller struct {
	resolver    Resolver
	credentials Credentials
	clock       clock.WithTicker
	log         logr.Logger
	events      chan event.GenericEvent
	wake        chan struct{}
	slots       chan struct{}
	flights     singleflight.Group

	mu      sync.Mutex
	remotes map[remoteKey]*remote
	experts map[types.NamespacedName]remoteKey
	recent  map[string]glance
}

// glance is a finished look that others with the same credential may share.
type glance struct {
	at          time.Time
	observation Observation
}

// NewPoller returns a Poller. It does nothing before Start.
func NewPoller(resolver Resolver, credentials Credentials, clk clock.WithTicker, log logr.Logger) *Poller {
	return &Poller{
		resolver: resolver, credentials: credentials, clock: clk, log: log,
		events:  make(chan event.GenericEvent),
		wake:    make(chan struct{}, 1),
		slots:   make(chan struct{}, parallel),
		remotes: map[remoteKey]*remote{},
		experts: map[types.NamespacedName]remoteKey{},
		recent:  map[string]glance{},
	}
}

// Events carries an event for each expert whose observation changed; the
// objects are RepoExperts with nothing but name and namespace. It must be read
// while the Poller runs.
func (p *Poller) Events() <-chan event.GenericEvent { return p.events }

// Observe says what an expert follows and returns the last observation of it,
// nil before the first look has ended. It never waits for a network.
func (p *Poller) Observe(expert types.NamespacedName, q Query) *Observation {
	key := remoteKey{url: q.URL, ref: q.Ref, secret: q.Secret}
	p.mu.Lock()
	defer p.mu.Unlock()
	if old, ok := p.experts[expert]; ok && old != key {
		p.leave(expert, old)
	}
	r, ok := p.remotes[key]
	if !ok {
		r = &remote{followers: map[types.NamespacedName]Query{}, due: p.clock.Now()}
		p.remotes[key] = r
		p.signal()
	}
	before, follows := r.followers[expert]
	if follows && before == q {
		return r.last
	}
	r.followers[expert] = q
	p.experts[expert] = key
	if follows && before.Nudge != q.Nudge {
		r.nudged = true
		r.due = p.clock.Now()
	}
	if soonest := p.clock.Now().Add(q.Interval); r.due.After(soonest) && r.failures == 0 {
		r.due = soonest
	}
	p.signal()
	return r.last
}

// Forget ends an expert's interest.
func (p *Poller) Forget(expert types.NamespacedName) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if key, ok := p.experts[expert]; ok {
		p.leave(expert, key)
	}
}

func (p *Poller) leave(expert types.NamespacedName, key remoteKey) {
	delete(p.experts, expert)
	r := p.remotes[key]
	delete(r.followers, expert)
	if len(r.followers) == 0 {
		delete(p.remotes, key)
	}
}

func (p *Poller) signal() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// Start looks at remotes until the context ends. It implements
// manager.Runnable and runs on the leader only.
func (p *Poller) Start(ctx context.Context) error {
	var looks sync.WaitGroup
	defer looks.Wait()
	for {
		due, next := p.take()
		for key, r := range due {
			looks.Go(func() { p.visit(ctx, key, r) })
		}
		timer := p.clock.NewTimer(next)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-p.wake:
			timer.Stop()
		case <-timer.C():
		}
	}
}

// take marks the remotes that are due and returns them, with the time until
// the next one is.
func (p *Poller) take() (map[remoteKey]*remote, time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now, next := p.clock.Now(), maxBackoff
	due := map[remoteKey]*remote{}
	for key, r := range p.remotes {
		switch wait := r.due.Sub(now); {
		case r.busy:
		case wait <= 0:
			r.busy = true
			due[key] = r
		default:
			next = min(next, wait)
		}
	}
	for name, g := range p.recent {
		if now.Sub(g.at) > maxBackoff {
			delete(p.recent, name)
		}
	}
	return due, next
}

// visit looks at one remote and tells its followers when something changed.
func (p *Poller) visit(ctx context.Context, key remoteKey, r *remote) {
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return
	}
	observation, err := p.observe(ctx, key, r)
	<-p.slots
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		p.log.Error(err, "look at a repository", "url", key.url)
	}
	for _, expert := range p.finish(r, observation) {
		object := &v1alpha1.RepoExpert{}
		object.Namespace, object.Name = expert.Namespace, expert.Name
		select {
		case p.events <- event.GenericEvent{Object: object}:
		case <-ctx.Done():
			return
		}
	}
	p.signal()
}

// finish records a look and returns whom to tell. A nil observation is a fault
// of ours: what was known stays.
func (p *Poller) finish(r *remote, found *Observation) []types.NamespacedName {
	p.mu.Lock()
	defer p.mu.Unlock()
	r.busy = false
	r.failures = failuresAfter(r.failures, found)
	r.due = p.clock.Now().Add(jittered(backedOff(r.interval(), r.failures)))
	if r.nudged {
		r.due = p.clock.Now()
	}
	if found == nil || (r.last != nil && same(*r.last, *found)) {
		return nil
	}
	r.last = found
	var tell []types.NamespacedName
	for expert := range r.followers {
		tell = append(tell, expert)
	}
	return tell
}

// observe looks at a remote, or takes what another look with the same
// credential has just found.
func (p *Poller) observe(ctx context.Context, key remoteKey, r *remote) (*Observation, error) {
	var credential Credential
	if key.secret != (types.NamespacedName{}) {
		found, err := p.credentials.Credential(ctx, key.secret, key.url)
		if err != nil {
			return failed(err)
		}
		credential = found
	} else if strings.HasPrefix(key.url, "ssh:") {
		return &Observation{Err: needsSecret(key.url)}, nil
	}
	p.mu.Lock()
	since := p.clock.Now().Add(-r.interval() / 2)
	if r.nudged {
		since = p.clock.Now()
	}
	r.nudged = false
	p.mu.Unlock()
	name := strings.Join([]string{key.url, key.ref.Branch, key.ref.Tag, credential.digest()}, "\x00")
	result, err, _ := p.flights.Do(name, func() (any, error) { return p.share(ctx, name, key, credential, since) })
	if err != nil {
		return failed(err)
	}
	if observation, ok := result.(Observation); ok {
		return &observation, nil
	}
	return nil, errors.New("a shared look returned no observation")
}

// share returns what was found since a time, or looks.
func (p *Poller) share(ctx context.Context, name string, key remoteKey, credential Credential, since time.Time) (Observation, error) {
	p.mu.Lock()
	g, ok := p.recent[name]
	p.mu.Unlock()
	if ok && g.at.After(since) {
		return g.observation, nil
	}
	commit, err := p.resolver.Resolve(ctx, key.url, key.ref, credential)
	observation := Observation{Commit: commit}
	if err != nil && !errors.As(err, &observation.Err) {
		return Observation{}, err
	}
	p.mu.Lock()
	p.recent[name] = glance{at: p.clock.Now(), observation: observation}
	p.mu.Unlock()
	return observation, nil
}

// failed makes an observation of an error that a person can act on; any other
// error is a fault of ours.
func failed(err error) (*Observation, error) {
	var e *Error
	if errors.As(err, &e) {
		return &Observation{Err: e}, nil
	}
	return nil, err
}

func needsSecret(url string) *Error {
	return &Error{Reason: v1alpha1.ReasonSecretNotUsable, Message: "repository.url " + url +
		": ssh needs a key: name a Secret with the keys identity and known_hosts in repository.secretRef"}
}

func (r *remote) interval() time.Duration {
	var shortest time.Duration
	for _, q := range r.followers {
		if shortest == 0 || q.Interval < shortest {
			shortest = q.Interval
		}
	}
	return max(shortest, time.Second)
}

// overloadFailures is how many failures an answer of 429 counts as.
const overloadFailures = 3

// failuresAfter counts failures in a row that are worth asking less often for:
// those of the host. A wrong reference or Secret costs it nothing.
func failuresAfter(before int, found *Observation) int {
	switch {
	case found == nil:
		return before + 1
	case found.Err == nil:
		return 0
	case found.Err.Overloaded:
		return max(before+1, overloadFailures)
	case found.Err.Reason == v1alpha1.ReasonRepositoryUnreachable, found.Err.Reason == v1alpha1.ReasonAuthenticationFailed:
		return before + 1
	default:
		return 0
	}
}

// backedOff doubles an interval for each failure after the first, up to
// maxBackoff.
func backedOff(interval time.Duration, failures int) time.Duration {
	longest := max(interval, maxBackoff)
	for range failures - 1 {
		if interval *= 2; interval >= longest {
			return longest
		}
	}
	return interval
}

// jittered spreads an interval by a tenth to both sides.
func jittered(d time.Duration) time.Duration {
	return d - d/10 + rand.N(d/5+1)
}

func same(a, b Observation) bool {
	if (a.Err == nil) != (b.Err == nil) || a.Commit != b.Commit {
		return false
	}
	return a.Err == nil || *a.Err == *b.Err
}
