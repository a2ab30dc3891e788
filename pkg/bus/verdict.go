package bus

import "errors"

// A handler's error says what becomes of its message:
//
//	nil            acknowledged: everything it caused is safe
//	Unavailable    a dependency is down, which is no fault of the message: it
//	               is held, nothing more is pulled, and it is tried again after
//	               1 s, doubling to 30 s
//	Reject         it can never be handled: to DEAD at once
//	anything else  a failure of this message: again after 1 s, then after 2 s,
//	               the third failure sends it to DEAD

type verdict struct {
	err      error
	rejected bool
}

func (v *verdict) Error() string { return v.err.Error() }
func (v *verdict) Unwrap() error { return v.err }

// Unavailable marks an error of a dependency (store, model, robot) that is down.
func Unavailable(err error) error { return &verdict{err: err} }

// Reject marks an error that no further try can change.
func Reject(err error) error { return &verdict{err: err, rejected: true} }

// IsUnavailable tells whether err was made by Unavailable.
func IsUnavailable(err error) bool {
	var v *verdict
	return errors.As(err, &v) && !v.rejected
}

// IsReject tells whether err was made by Reject.
func IsReject(err error) bool {
	var v *verdict
	return errors.As(err, &v) && v.rejected
}
