package durable

import "github.com/google/uuid"

// OfTenant is an input of one tenant's work.
type OfTenant interface{ Tenant() uuid.UUID }

// Tenant implements OfTenant.
func (i TickInput) Tenant() uuid.UUID { return i.TenantID }

// Tenant implements OfTenant.
func (i DockActionInput) Tenant() uuid.UUID { return i.TenantID }

// Tenant implements OfTenant.
func (i RetryInput) Tenant() uuid.UUID { return i.TenantID }

// Tenant implements OfTenant.
func (i RecomputeInput) Tenant() uuid.UUID { return i.TenantID }

// Tenant implements OfTenant.
func (i ReplayInput) Tenant() uuid.UUID { return i.TenantID }
