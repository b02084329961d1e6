package teacher

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/repoexpert/operator/api/v1alpha1"
)

// accountFile is the account below the counter's folder.
const accountFile = "account.json"

// maxAccountFile bounds it, in bytes: four numbers and their names.
const maxAccountFile = 1024

// ErrBudget says that a run's budget is reached.
var ErrBudget = errors.New("the teacher's budget is reached")

// Counter keeps a run's account in a file. One process uses it at a time; it is
// safe for concurrent use inside.
type Counter struct {
	folder string
	budget Budget

	mu      sync.Mutex
	account Account
	// settled is closed when a request settles, and replaced.
	settled chan struct{}
}

// OpenCounter returns the counter in a folder, which must exist, and goes on
// with the account that it finds there.
func OpenCounter(folder string, budget Budget) (*Counter, error) {
	account, err := readAccount(filepath.Join(folder, accountFile))
	if err != nil {
		return nil, err
	}
	account.recover()
	c := &Counter{folder: folder, budget: budget, account: account, settled: make(chan struct{})}
	if err := c.save(account); err != nil {
		return nil, err
	}
	return c, nil
}

// Spent returns what the account in a folder has used, and says in words how much
// of the budget that is; "" where nothing was asked of the teacher.
func Spent(folder string, budget v1alpha1.TeacherBudget) (Tokens, string, error) {
	account, err := readAccount(filepath.Join(folder, accountFile))
	if err != nil {
		return Tokens{}, "", err
	}
	account.recover()
	if account.Used == (Tokens{}) {
		return Tokens{}, "", nil
	}
	b, err := NewBudget(budget)
	if err != nil {
		return Tokens{}, "", err
	}
	return account.Used, "the teacher used " + b.describe(account.Used), nil
}

func readAccount(name string) (Account, error) {
	file, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return Account{}, nil
	}
	if err != nil {
		return Account{}, fmt.Errorf("open the teacher's account: %w", err)
	}
	defer func() { _ = file.Close() }()
	content, err := io.ReadAll(io.LimitReader(file, maxAccountFile+1))
	if err != nil {
		return Account{}, fmt.Errorf("read the teacher's account: %w", err)
	}
	return parseAccount(content)
}

// parseAccount reads what save wrote. Anything else is an error: to count from
// zero again would spend the budget twice.
func parseAccount(content []byte) (Account, error) {
	var account Account
	if len(content) > maxAccountFile {
		return Account{}, fmt.Errorf("the teacher's account has more than %d bytes: remove %s to count from zero", maxAccountFile, accountFile)
	}
	if err := json.Unmarshal(content, &account); err != nil {
		return Account{}, fmt.Errorf("the teacher's account is unreadable, remove %s to count from zero: %w", accountFile, err)
	}
	for _, n := range []int64{account.Used.Prompt, account.Used.Completion, account.Reserved.Prompt, account.Reserved.Completion} {
		if n < 0 || n > maxCounted {
			return Account{}, fmt.Errorf("the teacher's account has the number %d: remove %s to count from zero", n, accountFile)
		}
	}
	return account, nil
}

// maxCounted is above the largest budget and far from the end of an int64.
const maxCounted = 1 << 52

// Reserve takes from the budget the most that a request can use, and waits
// while requests under way may settle for less. The error is ErrBudget, the
// context's cause, or that of the disk: what is not written down is not spent.
func (c *Counter) Reserve(ctx context.Context, most Tokens) error {
	for {
		answer, settled, err := c.tryReserve(most)
		switch {
		case err != nil || answer == granted:
			return err
		case answer == exhausted:
			return fmt.Errorf("%w: %s are used and the next request may take %d tokens",
				ErrBudget, c.budget.describe(c.Account().Used), most.Prompt+most.Completion)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-settled:
		}
	}
}

func (c *Counter) tryReserve(most Tokens) (grant, <-chan struct{}, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	next := c.account
	answer := next.reserve(c.budget, most)
	if answer != granted {
		return answer, c.settled, nil
	}
	if err := c.save(next); err != nil {
		return answer, nil, err
	}
	c.account = next
	return granted, nil, nil
}

// Settle ends a request. An error of the disk loses nothing: the file still
// holds the reservation, and the next write corrects it.
func (c *Counter) Settle(most, used Tokens) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.account.settle(most, used)
	close(c.settled)
	c.settled = make(chan struct{})
	return c.save(c.account)
}

// Account returns what is used and reserved.
func (c *Counter) Account() Account {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.account
}

// String says in words how much of the budget is used.
func (c *Counter) String() string { return c.budget.describe(c.Account().Used) }

// save replaces the file as a whole, so that a crash leaves the old or the new
// account.
func (c *Counter) save(account Account) error {
	content, err := json.Marshal(account)
	if err != nil {
		return fmt.Errorf("write the teacher's account: %w", err)
	}
	next := filepath.Join(c.folder, accountFile+".next")
	if err := writeSynced(next, content); err != nil {
		return fmt.Errorf("write the teacher's account: %w", err)
	}
	if err := os.Rename(next, filepath.Join(c.folder, accountFile)); err != nil {
		return fmt.Errorf("write the teacher's account: %w", err)
	}
	return nil
}

func writeSynced(name string, content []byte) (err error) {
	file, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o640)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if _, err := file.Write(content); err != nil {
		return err
	}
	return file.Sync()
}
