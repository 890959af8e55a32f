// Package block reads HCL blocks: it hides how attributes are evaluated and
// converted, how a mistake is placed and explained, and how values from env() and
// file() are kept from being shown.
package block
