package guard

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/repoexpert/operator/internal/artifact"
	"github.com/repoexpert/operator/internal/engine"
	"github.com/repoexpert/operator/internal/httpserve"
	"github.com/repoexpert/operator/internal/recall"

	"github.com/repoexpert/operator/api/v1alpha1"
)

const (
	// firstRounds is the pause between rounds of probes until enough agree.
	firstRounds = 2 * time.Second
	// laterRounds is the pause between rounds that are only logged.
	laterRounds = 30 * time.Minute
	// drain is what requests get to end after a signal; the pod's own grace is 60 s.
	drain = 45 * time.Second
	// dialTimeout of the look whether the engine is there; the kubelet gives its
	// probe 2 seconds.
	dialTimeout = time.Second
)

// Options of a guard.
type Options struct {
	// Upstream is the engine's URL.
	Upstream *url.URL
	// Artifacts is the root of the artifact volume; the folders are below it.
	Artifacts        string
	ModelFolder      string
	ModelDigest      string
	EvaluationFolder string
	// Agreement is how many probe answers must agree; at most all are asked for.
	Agreement int
	// Name and VersionedName are the model's names in requests.
	Name, VersionedName string
	Log                 *slog.Logger
	// Pause and LaterPause between rounds of probes.
	Pause, LaterPause time.Duration
}

// Guard is one guard.
type Guard struct {
	options  Options
	verified atomic.Bool
	ready    atomic.Bool
}

// New returns a guard that has verified nothing.
func New(options Options) *Guard { return &Guard{options: options} }

// Serve answers on the listener until the context ends, then lets requests end.
// It fails if the model's files are not those that were promoted.
func (g *Guard) Serve(ctx context.Context, listener net.Listener) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return httpserve.UntilDone(ctx, listener, g.Handler(), drain) })
	group.Go(func() error { return g.watch(ctx) })
	return group.Wait()
}

// watch verifies the files and then asks the probes.
func (g *Guard) watch(ctx context.Context) error {
	probes, err := g.verify()
	if err != nil {
		return err
	}
	g.verified.Store(true)
	g.options.Log.Info("the model's files are those that were promoted", "digest", g.options.ModelDigest, "probes", len(probes.Questions))
	server, err := engine.For(probes.Engine)
	if err != nil {
		return fmt.Errorf("the evaluation's engine: %w", err)
	}
	chat := engine.NewChat(g.options.Upstream.String()+"/v1", engine.ServedName, server.Fields(v1alpha1.SamplingGreedy, probes.MaxTokens))
	pause := g.options.Pause
	for {
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		}
		if g.round(ctx, chat, probes) {
			pause = g.options.LaterPause
		}
	}
}

func (g *Guard) verify() (engine.Probes, error) {
	store, err := artifact.Open(g.options.Artifacts)
	if err != nil {
		return engine.Probes{}, err
	}
	defer func() { _ = store.Close() }()
	if _, err := store.VerifyContent(g.options.ModelFolder, g.options.ModelDigest); err != nil {
		return engine.Probes{}, fmt.Errorf("the model's files are not those that were promoted: %w", err)
	}
	_, digest, err := store.Lookup(g.options.EvaluationFolder)
	if err == nil {
		_, err = store.VerifyContent(g.options.EvaluationFolder, digest)
	}
	if err != nil {
		return engine.Probes{}, fmt.Errorf("the evaluation is not whole: %w", err)
	}
	folder, err := store.Path(g.options.EvaluationFolder)
	if err != nil {
		return engine.Probes{}, err
	}
	return engine.ReadProbes(folder)
}

// round asks all probes once and returns whether the guard is ready, from this
// round or an earlier one.
func (g *Guard) round(ctx context.Context, chat *engine.Chat, probes engine.Probes) bool {
	if !g.upstreamListens(ctx) {
		return g.ready.Load()
	}
	agreed := 0
	for i, probe := range probes.Questions {
		answer, err := chat.Ask(ctx, probe.Messages)
		if err != nil {
			g.options.Log.Warn("the engine does not answer a probe", "probe", i, "error", err)
			return g.ready.Load()
		}
		if recall.Normalize(answer.Text) == recall.Normalize(probe.Answer) {
			agreed++
		}
	}
	needed := min(g.options.Agreement, len(probes.Questions))
	g.options.Log.Info("probes answered", "agreed", agreed, "needed", needed, "asked", len(probes.Questions))
	if agreed >= needed {
		g.ready.Store(true)
	} else if g.ready.Load() {
		g.options.Log.Warn("the model no longer answers as it was evaluated", "agreed", agreed, "needed", needed)
	}
	return g.ready.Load()
}

// upstreamListens says whether the engine accepts connections; engines do so
// only after their model is loaded.
func (g *Guard) upstreamListens(ctx context.Context) bool {
	dialer := net.Dialer{Timeout: dialTimeout}
	connection, err := dialer.DialContext(ctx, "tcp", g.options.Upstream.Host)
	if err != nil {
		return false
	}
	_ = connection.Close()
	return true
}
