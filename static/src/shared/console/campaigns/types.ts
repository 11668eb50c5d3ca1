import type { components } from '@/shared/openapi'

type Schemas = components['schemas']
export type Campaign = Schemas['CampaignView']
export type CampaignChoice = Schemas['CampaignChoice']
export type PosterTemplate = Schemas['Template']

/** How a poster looks; null: as the brand's, or as ours. */
export interface Look { colour?: string | null; logo?: string | null; background?: string | null }
