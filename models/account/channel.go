package account

import (
	"context"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/problem"
	"github.com/atender/atender/models/wire"
)

// Channel is one of the standard channels, as a tenant has set it. Its number is its place in Channels, from 1.
type Channel struct {
	TenantID      uuid.UUID
	Channel       string
	Number        int
	DisplayName   string
	Enabled       bool // conversations can be created on it
	DefaultTeamID *uuid.UUID
}

// Wire is the channel's JSON shape.
func (c Channel) Wire() wire.Channel {
	return wire.Channel{
		Channel: c.Channel, Number: c.Number, DisplayName: c.DisplayName, Enabled: c.Enabled, DefaultTeamID: c.DefaultTeamID,
	}
}

// seedChannels gives a new tenant its channels.
func seedChannels(tx *gorm.DB, tenantID uuid.UUID) error {
	channels := make([]Channel, len(Channels))
	for i, name := range Channels {
		channels[i] = Channel{TenantID: tenantID, Channel: name, Number: i + 1, DisplayName: channelNames[name], Enabled: true}
	}
	return tx.Create(channels).Error
}

// ChannelSettings lists a tenant's channels in the order of their numbers.
func (s *Store) ChannelSettings(ctx context.Context, tenantID uuid.UUID) (_ []Channel, err error) {
	defer postgres.During(&err, "list channels of tenant %s", tenantID)
	var channels []Channel
	err = s.db.Lists.WithContext(ctx).Where("tenant_id = ?", tenantID).Order("number").Find(&channels).Error
	return channels, postgres.ListError(ctx, err)
}

// ChannelSetting returns one channel. Errors: NOT_FOUND.
func (s *Store) ChannelSetting(ctx context.Context, tenantID uuid.UUID, channel string) (Channel, error) {
	var c Channel
	err := s.db.Main.WithContext(ctx).Take(&c, "tenant_id = ? AND channel = ?", tenantID, channel).Error
	return c, postgres.NotFound(err, "channel", channel)
}

// ChannelUpdate is a change of a channel; what is nil or not set stays.
type ChannelUpdate struct {
	DisplayName   *string
	Enabled       *bool
	DefaultTeamID wire.Optional[uuid.UUID]
}

// UpdateChannel changes a channel for the conversations to come. Errors: NOT_FOUND; VALIDATION_FAILED for a team that the
// tenant does not have.
func (s *Store) UpdateChannel(ctx context.Context, tenantID uuid.UUID, channel string, u ChannelUpdate) (_ Channel, err error) {
	defer postgres.During(&err, "update channel %s of tenant %s", channel, tenantID)
	set := map[string]any{}
	if u.DisplayName != nil {
		set["display_name"] = *u.DisplayName
	}
	if u.Enabled != nil {
		set["enabled"] = *u.Enabled
	}
	if u.DefaultTeamID.Set {
		set["default_team_id"] = u.DefaultTeamID.Value
	}
	if len(set) > 0 {
		err := s.db.Transact(ctx, func(tx *gorm.DB) error {
			return tx.Model(&Channel{}).Where("tenant_id = ? AND channel = ?", tenantID, channel).Updates(set).Error
		})
		if postgres.PgCode(err) == postgres.CodeForeignKey {
			return Channel{}, problem.Fields(problem.Field{
				Field: "defaultTeamId", Code: "unknown", Message: "there is no team " + u.DefaultTeamID.Value.String(),
			})
		}
		if err != nil {
			return Channel{}, err
		}
	}
	return s.ChannelSetting(ctx, tenantID, channel)
}
