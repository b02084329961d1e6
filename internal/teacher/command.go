package teacher

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/contract"
)

// Command returns `worker teacher`.
func Command() *cobra.Command {
	var listen, keyFile, account string
	command := &cobra.Command{
		Use:   "teacher",
		Short: "Stand before a run's teacher: add the key, keep the budget, pass answers on",
		Long: `teacher is the only way from a run's sandboxes to its teacher. It reads what to
ask from the environment variable ` + contract.TeacherVariable + ` and the key from a file, and takes
nothing of a request but its messages.`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			proxy, err := newProxy(os.Getenv(contract.TeacherVariable), keyFile, account, slog.New(slog.NewJSONHandler(command.OutOrStdout(), nil)))
			if err != nil {
				return err
			}
			var config net.ListenConfig
			listener, err := config.Listen(command.Context(), "tcp", listen)
			if err != nil {
				return fmt.Errorf("--listen %q: %w", listen, err)
			}
			proxy.options.Log.Info("the proxy listens", "address", listener.Addr().String())
			return proxy.Serve(command.Context(), listener)
		},
	}
	set := command.Flags()
	set.StringVar(&listen, "listen", fmt.Sprintf(":%d", contract.TeacherPort), "address to listen on")
	set.StringVar(&keyFile, "key-file", filepath.Join(contract.TeacherSecretPath, contract.TeacherSecretKey), "file with the endpoint's key, for a teacher with a Secret")
	set.StringVar(&account, "account", contract.TeacherAccountPath, "folder of the run's account")
	return command
}

// newProxy makes the proxy that a variable's value describes.
func newProxy(value, keyFile, account string, log *slog.Logger) (*Proxy, error) {
	teacher, err := parseTeacher(value)
	if err != nil {
		return nil, err
	}
	key := NoKey
	if teacher.SecretRef != nil {
		key = KeyFile("the Secret's "+contract.TeacherSecretKey, keyFile)
	}
	return OpenProxy(teacher, key, account, log)
}

// OpenProxy makes the proxy of a complete teacher that goes on with the account
// in a folder, which must exist. The error names the field of the teacher or the
// file.
func OpenProxy(teacher v1alpha1.Teacher, key func() (string, error), account string, log *slog.Logger) (*Proxy, error) {
	if err := check(teacher); err != nil {
		return nil, err
	}
	budget, err := NewBudget(teacher.Budget)
	if err != nil {
		return nil, err
	}
	counter, err := OpenCounter(account, budget)
	if err != nil {
		return nil, err
	}
	return NewProxy(ProxyOptions{
		Teacher: teacher, Key: key, Counter: counter, Log: log, Transport: transport(int(teacher.Concurrency)),
	})
}

// transport keeps as many connections to the endpoint as there are requests.
func transport(concurrency int) http.RoundTripper {
	t, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		return http.DefaultTransport
	}
	t = t.Clone()
	t.MaxIdleConnsPerHost = concurrency
	return t
}

// maxTeacher bounds the variable's value, in bytes.
const maxTeacher = 16 << 10

// parseTeacher reads the variable's value.
func parseTeacher(value string) (v1alpha1.Teacher, error) {
	var teacher v1alpha1.Teacher
	if value == "" || len(value) > maxTeacher {
		return teacher, fmt.Errorf("%s has %d bytes; want a teacher as JSON of at most %d", contract.TeacherVariable, len(value), maxTeacher)
	}
	if err := json.Unmarshal([]byte(value), &teacher); err != nil {
		return teacher, fmt.Errorf("%s: %w", contract.TeacherVariable, err)
	}
	return teacher, nil
}

// check refuses a teacher that cannot be asked, or without an end.
func check(teacher v1alpha1.Teacher) error {
	address, err := url.Parse(teacher.URL)
	switch {
	case err != nil || (address.Scheme != "https" && address.Scheme != "http") || address.Host == "" || address.User != nil:
		return fmt.Errorf("teacher.url %.200q: want https://host/path or http://host/path", teacher.URL)
	case teacher.Model == "":
		return errors.New("teacher.model is empty")
	case teacher.MaxTokensPerTurn <= 0 || teacher.ContextTokens <= 0 || teacher.RequestTimeout.Duration <= 0:
		return errors.New("teacher.maxTokensPerTurn, contextTokens and requestTimeout must be positive")
	case teacher.Budget.Tokens <= 0 && teacher.Budget.Cost == nil:
		return errors.New("teacher.budget bounds nothing: set tokens, cost or both")
	}
	return nil
}
